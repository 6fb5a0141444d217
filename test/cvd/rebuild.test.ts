import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ContainerOrder, CvdWriter } from '../../scripts/cvd/container/writer.ts';
import { type CvdHeader, parseHeader, unseal } from '../../scripts/cvd/header.ts';
import { encodeInfo } from '../../scripts/cvd/info.ts';
import { Rebuild } from '../../scripts/cvd/rebuild.ts';
import { type ChainLink, diffScript, makeChain } from '../support/databases/chain.ts';
import { inPieces } from '../support/databases/generate.ts';
import { makeCdiff, makeCvd, makeInfo } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const filesOf = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]));

const VERSIONS = [
  filesOf({ 'a.ndb': 'one\ntwo\nthree\n', 'b.ldb': 'x\n', 'c.hdb': 'same\n' }),
  filesOf({ 'a.ndb': 'one\n2\nthree\nfour\n', 'b.ldb': 'x\ny\n', 'c.hdb': 'same\n', 'd.fp': 'new\n' }),
  filesOf({ 'a.ndb': '2\nthree\nfour\n', '1.cbc': 'code\n', 'c.hdb': 'same\n', 'd.fp': 'newer\n' }),
];
const CHAIN = makeChain('test', VERSIONS, { from: 28000 });
const [FIRST, SECOND, THIRD] = CHAIN as [ChainLink, ChainLink, ChainLink];

const cdiffOf = ({ cdiff }: ChainLink) => cdiff ?? Buffer.alloc(0);
const stepsOf = (...links: ChainLink[]) =>
  links.map((link) => ({ version: link.version, bytes: [cdiffOf(link)] }));
const headerOf = (cvd: Buffer) => parseHeader(cvd.subarray(0, 512));

interface Step {
  readonly version: number;
  readonly bytes: Iterable<Uint8Array>;
}

/** The whole rebuilt CVD, and its MD5. */
function rebuilt(
  old: Buffer,
  cdiffs: Iterable<Step>,
  cvd: Buffer,
  order?: ContainerOrder,
  header = headerOf(cvd),
) {
  const rebuild = new Rebuild({ database: 'test', old: () => inPieces(old, [777]), cdiffs, header });
  const chunks: Uint8Array[] = [];
  const writer = new CvdWriter(header, cvd.subarray(512, 522), (chunk) => chunks.push(chunk));
  for (const chunk of rebuild.tar(order)) writer.write(chunk);
  const { md5 } = writer.end();
  return { cvd: Buffer.concat(chunks), md5 };
}

describe('a rebuild', () => {
  test('makes each version out of the one before', () => {
    expect(rebuilt(FIRST.cvd, stepsOf(SECOND), SECOND.cvd).cvd.equals(SECOND.cvd)).toBe(true);
    expect(rebuilt(SECOND.cvd, stepsOf(THIRD), THIRD.cvd).cvd.equals(THIRD.cvd)).toBe(true);
  });

  test('makes a version out of one long before', () => {
    const { cvd, md5 } = rebuilt(FIRST.cvd, stepsOf(SECOND, THIRD), THIRD.cvd);
    expect(cvd.equals(THIRD.cvd)).toBe(true);
    expect(md5).toBe(headerOf(THIRD.cvd).md5);
  });

  test('makes a version out of itself', () => {
    expect(rebuilt(FIRST.cvd, [], FIRST.cvd).cvd.equals(FIRST.cvd)).toBe(true);
  });

  test('makes a hybrid container, which the other order misses', () => {
    const hybrid = makeChain('test', VERSIONS, { order: 'hybrid' });
    const [, second, third] = hybrid as [ChainLink, ChainLink, ChainLink];
    expect(rebuilt(second.cvd, stepsOf(third), third.cvd, 'hybrid').cvd.equals(third.cvd)).toBe(true);
    expect(rebuilt(second.cvd, stepsOf(third), third.cvd, 'info').md5).not.toBe(headerOf(third.cvd).md5);
  });

  test('takes COPYING from the old container, or from a CDIFF that changes it', () => {
    const copying = Buffer.from('Do what you like.\n');
    const parts = { database: 'test', version: 2, files: VERSIONS[0] ?? new Map() };
    const [before, after] = [
      { ...parts, version: 1, copying },
      { ...parts, copying: Buffer.from('Do.\n') },
    ];
    const script = Buffer.concat([
      infoScript(before, after),
      Buffer.from('OPEN COPYING\nXCHG 1 Do Do.\nCLOSE\n'),
    ]);
    const cdiffs = [{ version: 2, bytes: [makeCdiff(2, script)] }];
    expect(rebuilt(makeCvd(before), cdiffs, makeCvd(after)).cvd.equals(makeCvd(after))).toBe(true);
  });

  test('keeps the XFL byte of the new header', () => {
    const gzipHeader = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);
    const [first, second] = makeChain('test', VERSIONS, { gzipHeader }) as [ChainLink, ChainLink];
    expect(rebuilt(first.cvd, stepsOf(second), second.cvd).cvd.equals(second.cvd)).toBe(true);
  });

  test('gives the tar as often as it is asked, and closes the old CVD each time', () => {
    let open = 0;
    const old = function* () {
      open++;
      try {
        yield FIRST.cvd;
      } finally {
        open--;
      }
    };
    const header = headerOf(SECOND.cvd);
    const rebuild = new Rebuild({ database: 'test', old, cdiffs: stepsOf(SECOND), header });
    expect(open).toBe(0);
    const md5 = () => {
      const hash = createHash('md5');
      for (const chunk of rebuild.tar()) hash.update(chunk);
      return hash.digest('hex');
    };
    expect(md5()).toBe(md5());
    expect(open).toBe(0);
    for (const _ of rebuild.tar()) break;
    expect(open).toBe(0);
  });
});

type Parts = Parameters<typeof makeInfo>[0];

/** The part of a script that turns one `.info` into the other. */
function infoScript(before: Parts, after: Parts): Buffer {
  const info = (parts: Parts) => new Map([[`${parts.database}.info`, encodeInfo(makeInfo(parts))]]);
  return diffScript(info(before), info(after));
}

/** Each is well-formed by itself. */
const HEADER_CHANGES: Partial<CvdHeader>[] = [
  { signatures: 1 },
  { fLevel: 91 },
  { builder: 'other' },
  { time: '01 Jan 2026 01-00 +0100' },
  { stime: 1 },
];

describe('a rebuild fails', () => {
  const before: Parts = { database: 'test', version: 1, files: VERSIONS[0] ?? new Map() };
  const after: Parts = { database: 'test', version: 2, files: VERSIONS[1] ?? new Map() };
  const changes = diffScript(before.files, after.files).toString();

  /** With a CDIFF that turns `before.info` into `after.info` and then does what `script` says. */
  const withScript = (script: Uint8Array | string) => {
    const bytes = Buffer.concat([infoScript(before, after), Buffer.from(script)]);
    return rebuilt(makeCvd(before), [{ version: 2, bytes: [makeCdiff(2, bytes)] }], makeCvd(after));
  };

  test('not with the right script', () => {
    expect(withScript(changes).md5).toBe(headerOf(makeCvd(after)).md5);
  });

  const attempts: [string, () => unknown][] = [
    ['the first CDIFF is missing', () => rebuilt(FIRST.cvd, stepsOf(THIRD), THIRD.cvd)],
    ['the last CDIFF is missing', () => rebuilt(FIRST.cvd, stepsOf(SECOND), THIRD.cvd)],
    ['the CDIFFs are in another order', () => rebuilt(FIRST.cvd, stepsOf(THIRD, SECOND), THIRD.cvd)],
    ['a CDIFF comes twice', () => rebuilt(FIRST.cvd, stepsOf(SECOND, SECOND), SECOND.cvd)],
    ['there are CDIFFs past the new version', () => rebuilt(FIRST.cvd, stepsOf(SECOND, THIRD), SECOND.cvd)],
    [
      'a CDIFF leads to another version than its name says',
      () => rebuilt(FIRST.cvd, [{ version: SECOND.version, bytes: [cdiffOf(THIRD)] }], SECOND.cvd),
    ],
    [
      'the new header has another version than .info',
      () => rebuilt(FIRST.cvd, stepsOf(SECOND), SECOND.cvd, 'info', headerOf(THIRD.cvd)),
    ],
    ...HEADER_CHANGES.map((change): [string, () => unknown] => [
      `the new header has another ${Object.keys(change)} than .info`,
      () => rebuilt(FIRST.cvd, stepsOf(SECOND), SECOND.cvd, 'info', { ...headerOf(SECOND.cvd), ...change }),
    ]),
    [
      'the new header is not sealed',
      () => rebuilt(FIRST.cvd, stepsOf(SECOND), SECOND.cvd, 'info', unseal(headerOf(SECOND.cvd))),
    ],
    [
      'a file that .info lists anew is not made',
      () => withScript(changes.replace('OPEN d.fp\nADD new\n', 'OPEN d.fp\n')),
    ],
    [
      '.info lists COPYING, which it must not',
      () => {
        const copying = Buffer.from('Do.\n');
        const old = { ...before, copying };
        const listing = { ...old, version: 2, files: new Map([...old.files, ['COPYING', copying]]) };
        const cdiffs = [{ version: 2, bytes: [makeCdiff(2, infoScript(old, listing))] }];
        return rebuilt(makeCvd(old), cdiffs, makeCvd(listing));
      },
    ],
    ['a file is made that .info does not list', () => withScript(`${changes}OPEN e.cdb\nADD x\nCLOSE\n`)],
    ['a file that .info lists is removed', () => withScript(`${changes}UNLINK c.hdb\n`)],
    ['a changed file has another content', () => withScript(changes.replace('ADD four', 'ADD five'))],
    ['a changed file is longer', () => withScript(changes.replace('ADD four', 'ADD four\nADD five'))],
    ['a changed file is shorter', () => withScript(changes.replace('ADD four', 'ADD'))],
    [
      'a file is changed that should not be',
      () => withScript(`${changes}OPEN c.hdb\nXCHG 1 same Same\nCLOSE\n`),
    ],
  ];
  test.each(attempts)('with cvd/rebuild when %s', (_, attempt) => {
    expect(attempt).toThrow(withCode('cvd/rebuild'));
  });

  test('saying that the old container holds another file than the new .info lists', () => {
    const other = { ...before, files: new Map([...before.files, ['c.hdb', Buffer.from('other\n')]]) };
    const script = Buffer.concat([infoScript(other, after), Buffer.from(changes)]);
    const cdiffs = [{ version: 2, bytes: [makeCdiff(2, script)] }];
    const attempt = () => rebuilt(makeCvd(other), cdiffs, makeCvd(after));
    expect(attempt).toThrow(withCode('cvd/rebuild'));
    expect(attempt).toThrow(/c\.hdb in the old container/);
  });

  test('saying which file differs after which CDIFF', () => {
    const attempt = () => withScript(changes.replace('ADD four', 'ADD five'));
    expect(attempt).toThrow(/a\.ndb after test-2\.cdiff/);
  });

  test.each([
    ['cvd/script', 'close\n'],
    ['cvd/script', 'OPEN c.hdb\n'],
    ['cvd/patch', 'UNLINK e.cdb\n'],
    ['cvd/patch', 'OPEN c.hdb\nDEL 9 \nADD same\nCLOSE\n'],
    [
      'cvd/patch',
      'UNLINK COPYING\nOPEN COPYING\nCLOSE\nOPEN c.hdb\nDEL 1 same\nADD same\nCLOSE\nUNLINK COPYING\n',
    ],
    ['cvd/patch', 'UNLINK test.info\n'],
    ['cvd/info', 'OPEN test.info\nADD x\nCLOSE\n'],
  ] as const)('with %s for %j', (code, script) => {
    expect(() => withScript(changes + script)).toThrow(withCode(code));
  });

  test('with cvd/too-large when COPYING grows without end', () => {
    const line = `ADD ${'x'.repeat(1000)}\n`;
    const script = `${changes}OPEN COPYING\n${line.repeat(1100)}CLOSE\n`;
    expect(() => withScript(script)).toThrow(withCode('cvd/too-large'));
  });

  test('with cvd/cdiff for an empty CDIFF, which means: take the full CVD', () => {
    const cdiffs = [{ version: SECOND.version, bytes: [] }];
    expect(() => rebuilt(FIRST.cvd, cdiffs, SECOND.cvd)).toThrow(withCode('cvd/cdiff'));
  });

  test('with cvd/container when the old CVD is of another database', () => {
    const old = makeCvd({ ...before, database: 'other' });
    expect(() => rebuilt(old, stepsOf(), old)).toThrow(withCode('cvd/container'));
  });
});
