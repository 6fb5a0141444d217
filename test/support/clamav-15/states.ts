import { startUpstream, type TestUpstream } from '../mirror/upstream.ts';
import { NEWEST, SignedOfficial } from '../sign/signed-official.ts';

const SIGN = `test-${NEWEST}.cvd.sign`;

/** Talos' test databases with `.sign` files of our own, in any of the states that were measured. */
export class SignedStates extends SignedOfficial {
  /** A mirror of this version in one of the states of `FACTS`. */
  async mirror(state: string, version = NEWEST): Promise<TestUpstream> {
    const names = [...this.files.keys()].filter((name) => !/^test-\d\.cvd$/.test(name));
    const files = new Map(names.map((name): [string, Buffer] => [name, this.file(name)]));
    files.set('test.cvd', this.file(`test-${version}.cvd`));
    const signs = names.filter((name) => name.endsWith('.sign'));
    const without = (some: readonly string[]) => some.forEach((name) => void files.delete(name));
    const answering = (some: readonly string[], status: number) =>
      some.map((name): [string, number] => [name, status]);
    let answers: [name: string, status: number][] = [];
    if (state === 'none' || state === 'none-403') without(signs);
    else if (state === 'no-S') without([SIGN]);
    else if (state === 'no-s4') without(['test-4.cdiff.sign']);
    else if (state === 'bad-S') files.set(SIGN, tampered(this.file(SIGN)));
    else if (state === 'bad-s4' || state === 'bad-s6') {
      const name = `test-${state.at(-1)}.cdiff.sign`;
      files.set(name, tampered(this.file(name)));
    } else if (state === 'S-of-5') files.set(SIGN, this.file('test-5.cvd.sign'));
    else if (state === 'level-S')
      files.set(SIGN, Buffer.from(this.file(SIGN).toString('latin1').replace('\n230::', '\n300::')));
    else if (state === 'page-S') files.set(SIGN, Buffer.from('<!DOCTYPE html><title>Attention</title>\n'));
    else if (state === 'empty-S') files.set(SIGN, Buffer.alloc(0));
    else if (state === 'old-S')
      files.set(
        SIGN,
        this.signOfficial(`test-${NEWEST}.cvd`, { leaf: { name: 'Old Leaf', until: '2026-01-01' } }),
      );
    else if (state === 'other-root') {
      const other = {
        root: { name: 'Other Root' },
        ca: { name: 'Other Intermediate' },
        leaf: { name: 'Other Leaf' },
      };
      for (const name of signs) files.set(name, this.signOfficial(name.slice(0, -'.sign'.length), other));
    } else if (state === 's-429' || state === 's-500') answers = answering(signs, Number(state.slice(2)));
    else if (state !== 'all' && state !== 'all-403') throw new Error(`there is no state ${state}`);
    if (state === 'none-403') answers = answering([...signs, 'test.cld'], 403);
    if (state === 'all-403') answers = answering(['test.cld'], 403);
    const mirror = await startUpstream(files);
    for (const [name, status] of answers) mirror.fail(name, { status });
    return mirror;
  }
}

/** With another signature, in a file that can be read. */
function tampered(sign: Buffer): Buffer {
  const text = sign.toString('latin1');
  const [start, base64 = ''] = text.trimEnd().split(/(?<=pkcs7-pem:)/);
  const der = Buffer.from(base64, 'base64');
  const at = der.length - 100;
  der.writeUInt8(der.readUInt8(at) ^ 1, at);
  return Buffer.from(`${start}${der.toString('base64')}\n`);
}
