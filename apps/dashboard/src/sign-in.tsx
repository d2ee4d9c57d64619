import { useState } from 'preact/hooks';
import { settings, signIn, signInNotice, useToken } from './session.js';

/** The form in front of everything. The page's shell holds no figures, so this is all that a stranger sees. */
export function SignIn() {
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    if (settings.login.kind === 'token') return useToken(String(fields.get('token')).trim());
    setBusy(true);
    setProblem(await signIn(String(fields.get('email')), String(fields.get('password'))));
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <h1>{settings.title}</h1>
        <p class="quiet">Performance figures, for operators.</p>
        {signInNotice.value === undefined ? null : (
          <p class="notice" role="status">
            {signInNotice.value}
          </p>
        )}
        {settings.login.kind === 'token' ? (
          <label>
            Operator token
            <input name="token" type="password" autocomplete="off" required autofocus />
          </label>
        ) : (
          <>
            <label>
              E-mail
              <input name="email" type="email" autocomplete="username" required autofocus />
            </label>
            <label>
              Password
              <input name="password" type="password" autocomplete="current-password" required />
            </label>
          </>
        )}
        {problem === undefined ? null : (
          <p class="notice notice-bad" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy} aria-busy={busy}>
          {busy ? 'Signing in' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
