import { spawn } from 'node:child_process';

/** How long a new keeper has to take the server over before the guard ends it. */
const ADOPTION_SECONDS = 3;

/**
 * What the guard does: it reads until its input ends, which is when the keeper ends, however that happens. If a server
 * of this folder is running then, and no other keeper has taken over in time, it is told to stop (fast).
 * The server's command line proves that the process id in its file is not somebody else's by now.
 */
const SCRIPT = `
read -r _
tries=0
while [ "$tries" -lt "$3" ]; do
  server=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || exit 0
  kill -0 "$server" 2>/dev/null || exit 0
  keeper=$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$2" 2>/dev/null)
  if [ -n "$keeper" ] && [ "$keeper" != "$4" ] && kill -0 "$keeper" 2>/dev/null; then exit 0; fi
  tries=$((tries + 1))
  sleep 0.1
done
if [ -d /proc/self ] && ! tr '\\000' '\\n' <"/proc/$server/cmdline" | grep -qxF "$1"; then exit 0; fi
kill -INT "$server"
`;

/**
 * Starts the guard: a shell that outlives a keeper which is killed, so that even then no server is left behind when
 * no wallet is. (Were PostgreSQL told to die with the keeper, killing the keeper alone would stop every wallet's
 * database for a moment; this way a living wallet starts a new keeper, which takes the running server over.)
 */
export function startGuard(clusterFolder: string, keeperAddress: string): void {
  const args = [
    '-c',
    SCRIPT,
    'dunlin-guard',
    clusterFolder,
    keeperAddress,
    String(ADOPTION_SECONDS * 10),
    String(process.pid),
  ];
  const guard = spawn('/bin/sh', args, {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  });
  // Without a shell there is no guard; the keeper works all the same, and the next start takes over what was left.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
}
