// `npm run record -w @dunlin/dashboard -- <address> <e-mail> <password>`: keeps what a running service answers, for work on the page
// without a backend. Addresses of people and tokens are not part of any of these answers.
import { writeFileSync } from 'node:fs';

const [base, email, password] = process.argv.slice(2);
if (password === undefined) {
  console.error('Usage: npm run record -w @dunlin/dashboard -- http://127.0.0.1:3000 operator@example.com password');
  process.exit(2);
}

const login = await fetch(`${base}/auth/login`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ email, password }),
});
if (!login.ok) throw new Error(`login answered ${login.status}`);
const { accessToken } = await login.json();

const answers = {};
async function keep(path) {
  const answer = await fetch(base + path, { headers: { authorization: `Bearer ${accessToken}` } });
  if (!answer.ok) return console.error(`${path}: ${answer.status}, left out`);
  answers[path] = await answer.json();
  return answers[path];
}

await keep('/performance/metrics');
await keep('/performance/series');
await keep('/performance/alerts');
await keep('/performance/alerts?includeResolved=true');
const { data: endpoints } = await keep('/performance/endpoints?window=300&trend=true');
await keep('/performance/cache?window=300');
await keep('/performance/database/analysis');
await keep('/performance/database/maintenance');
await keep('/performance/thresholds');
await keep('/performance/thresholds/advice');
await keep('/performance/channels');
await keep('/performance/mutes');
await keep('/performance/report?window=3600');
await keep('/admin/ledger');
const { data: queries } = await keep('/performance/queries?window=300');
for (const { fingerprint } of queries.slice(0, 10)) await keep(`/performance/queries/${fingerprint}`);
for (const { method, route } of endpoints.slice(0, 6)) {
  const detail = await keep(
    `/performance/endpoints/detail?endpoint=${encodeURIComponent(`${method} ${route}`)}&window=300`,
  );
  for (const { correlationId } of detail?.slowest.slice(0, 2) ?? []) await keep(`/performance/traces/${correlationId}`);
}
writeFileSync(
  new URL('./recorded/recording.json', import.meta.url),
  `${JSON.stringify({ at: new Date().toISOString(), answers }, null, 1)}\n`,
);
console.error(`${Object.keys(answers).length} answers kept.`);
