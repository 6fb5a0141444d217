/** Twenty shapes in which a secret stands in an address. Each secret part has the word `s3cr3t` in it. */
export const SECRET_ADDRESSES = [
  'https://127.0.0.1:2/services/T0/B0/s3cr3t-path-01',
  'http://127.0.0.1:2/s3cr3t-path-02',
  'https://127.0.0.1:2/x?sig=s3cr3t-query-03',
  'https://user:s3cr3t-password-04@127.0.0.1:2/x',
  'https://s3cr3t-user-05@127.0.0.1:2/x',
  'https://127.0.0.1:2/x#secret=s3cr3t-hmac-key-06',
  'https://127.0.0.1:2/x07#secret=whsec_czNjcjN0LWhtYWMta2V5LTA3LTA3LTA3&events=publications',
  'https://user:s3cr3t%2Fescaped%40-08@127.0.0.1:2/x08',
  'https://s3cr3t-host-09.invalid/x',
  'slack+http://127.0.0.1:2/hooks/s3cr3t-slack-10',
  'teams+http://127.0.0.1:2/workflows/11/invoke?api-version=1&sp=%2Frun&sig=s3cr3t-teams-11',
  'discord+http://127.0.0.1:2/api/webhooks/12/s3cr3t-discord-12',
  'pagerduty+http://s3cr3t00000000000000000000000013@127.0.0.1:2',
  'webhook+http://127.0.0.1:2/s3cr3t/in/the/middle/14/x',
  'smtp://user:s3cr3t-mail-15@127.0.0.1:2/?from=a@b.example&to=a@b.example',
  'smtp://s3cr3t%40b.example:pass-word@127.0.0.1:2/?to=a@b.example',
  'smtps://user:s3cr3t%2Bmail-17@127.0.0.1:2/?from=a@b.example&to=a@b.example#events=failures,publications',
  'smtp://127.0.0.1:2/?from=a@b.example&to=s3cr3t-recipient-18@b.example',
  'http://[::1]:2/s3cr3t-ipv6-19?x=y',
  'http://127.0.0.1:2/%73%33cr3t-s3cr3t-encoded-20',
] as const;

/** The same shapes with something wrong in them. */
export const WRONG_ADDRESSES = [
  's3cr3t-alone-01',
  'ftp://127.0.0.1/s3cr3t-02',
  'https://',
  'https://s3cr3t 03/x y',
  'http//127.0.0.1/s3cr3t-04',
  'teems+https://127.0.0.1/s3cr3t-05',
  's3cr3t+https://127.0.0.1/x',
  'https://127.0.0.1:99999/s3cr3t-07',
  'https://127.0.0.1/s3cr3t-08#secret=short',
  'https://127.0.0.1/s3cr3t-09#s3cr3t=x',
  'https://127.0.0.1/s3cr3t-10#events=s3cr3t',
  'slack+https://127.0.0.1/s3cr3t-11#secret=0123456789abcdef',
  'pagerduty://s3cr3t-12',
  'pagerduty://0123456789abcdef0123456789s3cr3t/s3cr3t',
  'https://events.pagerduty.com/integration/s3cr3t-14/enqueue',
  'smtp://user:s3cr3t-15@mail.example/',
  'smtp://user@mail.example/?to=a@b.example&s3cr3t=1',
  'smtp://user:s3cr3t-17@mail.example/?from=a@b.example&to=a@b.example%0d%0aRCPT%20TO:s3cr3t',
  'smtp://user:s3cr3t-18%@mail.example/?from=a@b.example&to=a@b.example',
  'smtp://user:s3cr3t-19@mail.example/?from=%22s3cr3t%22@b.example&to=a@b.example',
  'smtp://user:s3cr3t-20@/?from=a@b.example&to=a@b.example',
  `https://127.0.0.1/s3cr3t-21/${'x'.repeat(2000)}`,
  `${'https://127.0.0.1/s3cr3t-22 '.repeat(21)}`,
  'https://user:s3cr3t-23%@127.0.0.1/x',
] as const;

/** Parts of an address that nobody may see: as they stand there, decoded, and as a header carries them. */
export function secretPartsOf(address: string): string[] {
  const parts = ['s3cr3t', 'czNjcjN0LWhtYWMta2V5LTA3LTA3LTA3'].filter((part) => address.includes(part));
  const url = URL.parse(address.replace(/^\w+\+/, ''));
  const credentials = [url?.username ?? '', url?.password ?? ''].map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const header = Buffer.from(credentials.join(':')).toString('base64');
  return [...parts, ...(url?.username ? [header] : [])];
}
