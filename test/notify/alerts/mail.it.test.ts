import { expect, inject, test } from 'vitest';
import { CREDENTIALS, type MailServer, startMailServer } from '../../support/alerts/mail-server.ts';
import { type CliRun, runCli } from '../../support/mirror/cli.ts';
import { describeWith } from '../../support/setup/official.ts';
import { temporaryFolder } from '../../upstream/support.ts';

const { user, password } = CREDENTIALS;

describeWith(inject('mailServer'))('a real mail server with STARTTLS and AUTH', () => {
  const address = ({ port }: MailServer, secret: string = password, host = '127.0.0.1') =>
    `smtp://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@${host}:${port}/?to=ops@example.org,boss@example.org`;
  const trusting = ({ certificate }: MailServer) => ({ NODE_EXTRA_CA_CERTS: certificate });
  const run = async (alert: string, environment = {}): Promise<CliRun> =>
    await runCli(['alert'], { environment: { CLAMAV_MIRROR_ALERT: alert, ...environment } });

  test('takes a mail by TLS and with the password, from and to whom the address says', async () => {
    await using server = await startMailServer();
    const told = await run(address(server), trusting(server));
    expect(told).toMatchObject({ exitCode: 0, stdout: 'alert 1 (mail): told\n', stderr: '' });
    const [login, mail] = server.seen;
    expect(login).toMatchObject({ good: true, tls: true });
    expect(mail).toMatchObject({
      from: user,
      to: ['ops@example.org', 'boss@example.org'],
      tls: true,
      authenticated: true,
    });
    expect(mail?.text).toMatch(/^Subject: ClamAV mirror: a test \(mirror [0-9a-f]{8}\)\r$/m);
    expect(mail?.text).toContain('Auto-Submitted: auto-generated');
    expect(mail?.text).toContain('Nothing has failed');
  });

  test('with a certificate that nobody trusts gets no password, and no mail', async () => {
    await using server = await startMailServer();
    const told = await run(address(server));
    expect(told.exitCode).toBe(1);
    expect(told.stdout).toMatch(/^alert 1 \(mail\): no answer \(E[A-Z]+\)\n$/);
    expect(server.seen).toEqual([]);
  });

  test('that knows another password is named by its answer, without the password', async () => {
    await using server = await startMailServer();
    const told = await run(address(server, 's3cr3t-wrong'), trusting(server));
    expect(told).toMatchObject({ exitCode: 1, stderr: '' });
    expect(told.stdout).toMatch(/^alert 1 \(mail\): the mail server answers 535\b/);
    expect(server.seen.filter(({ text }) => text !== undefined)).toEqual([]);
  });

  test('gets one mail of a cycle that failed, with what to do, and none of the next one', async () => {
    await using server = await startMailServer();
    await using folder = await temporaryFolder();
    const flags = [
      '--store',
      folder.path('mirror'),
      '--engines',
      'docker:nonsense image',
      '--databases',
      'test',
    ];
    const environment = { CLAMAV_MIRROR_ALERT: address(server), ...trusting(server) };
    for (let cycle = 0; cycle < 2; cycle++) {
      const told = await runCli(['sync', ...flags], { environment });
      expect(told.exitCode).toBe(2); // the settings are wrong, and cron reads no mail
    }
    const mails = server.seen.filter(({ text }) => text !== undefined);
    expect(mails).toHaveLength(1);
    expect(mails[0]?.text).toContain('Subject: ClamAV mirror: the settings are wrong');
  });
});
