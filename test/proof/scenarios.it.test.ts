import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { counted } from '../../scripts/base/words.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { readUserSamples } from '../../scripts/proof/samples/user-samples.ts';
import { dnsClient } from '../../scripts/proof/scenarios/dns-client.ts';
import { publishedClient, retainedClients } from '../../scripts/proof/scenarios/earlier-client.ts';
import { freshClient } from '../../scripts/proof/scenarios/fresh-client.ts';
import { privateMirrorClient } from '../../scripts/proof/scenarios/private-mirror-client.ts';
import { scan } from '../../scripts/proof/scenarios/scan.ts';
import type { Candidate, Scenario, Scene, StagedDatabase } from '../../scripts/proof/scenarios/scenario.ts';
import { upToDateClient } from '../../scripts/proof/scenarios/up-to-date-client.ts';
import { wholeDownloadClient } from '../../scripts/proof/scenarios/whole-download-client.ts';
import { clientOf, fakeTools } from '../support/clamav/engines.ts';
import { describeMirror, offered } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { official } from '../support/setup/official.ts';

/** What the manifest says of version 6. */
const STAGED: StagedDatabase = { version: 6, signatures: 14, fLevel: 81, cdiffs: { first: 2, last: 6 } };
/** For a script in the place of freshclam. */
const REAL = '"$REAL" "$@"';
const DB = String.raw`DB=$(echo "$*" | sed 's/.*--datadir=\([^ ]*\).*/\1/')`;
const CONF = String.raw`CONF=$(echo "$*" | sed 's/.*--config-file=\([^ ]*\).*/\1/')`;

interface Setting {
  /** Files of the stage that are others than the official ones, by name; `undefined` for none. */
  readonly stage?: Readonly<Record<string, string | Uint8Array | undefined>>;
  readonly staged?: Partial<StagedDatabase>;
  /** The version that the client has. */
  readonly published?: number;
}

describeMirror('the promise of a scenario', () => {
  let work: string;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'scenarios-'));
  });
  afterAll(() => rm(work, { recursive: true, force: true }));

  /** A client of the official version 6, with an empty folder. */
  async function prepare({ stage = {}, staged = {}, published }: Setting = {}): Promise<Scene> {
    const folder = await mkdtemp(join(work, 'client-'));
    const served = join(folder, 'stage');
    await mkdir(served);
    for (const [name, content] of Object.entries({ ...Object.fromEntries(offered(6)), ...stage })) {
      if (typeof content === 'string') await copyFile(content, join(served, name));
      else if (content !== undefined) await writeFile(join(served, name), content);
    }
    const scene = await clientOf(served, folder, new Map([['test', { ...STAGED, ...staged }]]));
    if (published === undefined) return scene;
    const cvd = { version: published, path: official(`test-${published}.cvd`) };
    return { ...scene, candidate: { ...scene.candidate, published: new Map([['test', cvd]]) } };
  }

  /** Plays it with a shell script in the place of freshclam. */
  async function playWith(freshclam: string, scenario: Scenario, scene: Scene): Promise<string> {
    await using tools = await fakeTools({ freshclam });
    return await scenario.play({ ...scene, engine: await findNativeEngine(tools.path) });
  }

  async function expectFailure(playing: Promise<string>, said: RegExp): Promise<void> {
    const failure = { name: 'ScenarioFailure', message: expect.stringMatching(said) };
    await expect(playing).rejects.toMatchObject(failure);
  }

  describe('“a client with an empty folder arrives” is broken', () => {
    test('by a stage without the CVD', async () => {
      const scene = await prepare({ stage: { 'test.cvd': undefined } });
      await expectFailure(
        freshClient.play(scene),
        /the client has no test, not version 6 \(freshclam exit \d+: /,
      );
    });

    test('by a stage with an older CVD than is promised', async () => {
      const scene = await prepare({ stage: { 'test.cvd': official('test-5.cvd') } });
      await expectFailure(freshClient.play(scene), /the client has version 5 of test, not version 6/);
    });

    test('by a CVD that is cut short', async () => {
      const scene = await prepare({ stage: { 'test.cvd': Buffer.alloc(2000, 'ClamAV-VDB:') } });
      await expectFailure(freshClient.play(scene), /the client has no test/);
    });
  });

  describe('“an earlier client arrives by CDIFFs” ', () => {
    test('is kept by the official chain, from any version', async () => {
      expect(await publishedClient.play(await prepare({ published: 1 }))).toBe('test.cld 6, by 5 CDIFFs');
      expect(await publishedClient.play(await prepare({ published: 5 }))).toBe('test.cld 6, by 1 CDIFF');
      expect(await publishedClient.play(await prepare({ published: 6 }))).toBe('test.cvd 6, by no CDIFFs');
    });

    test('is broken by a CDIFF that is promised and not there', async () => {
      const scene = await prepare({ published: 1, stage: { 'test-3.cdiff': undefined } });
      await expectFailure(publishedClient.play(scene), /test-3\.cdiff/);
    });

    test.each<[string, string | Uint8Array]>([
      ['an HTML page', Buffer.from('<html>Just a moment...</html>'.repeat(20))],
      ['a CDIFF of another version', 'test-6.cdiff'],
    ])('is broken by %s in the place of the first CDIFF', async (_, content) => {
      const bytes = typeof content === 'string' ? official(content) : content;
      const scene = await prepare({ published: 3, stage: { 'test-4.cdiff': bytes } });
      await expectFailure(
        publishedClient.play(scene),
        /^CDIFFs should do, but it asked for GET \/test\.cvd: 200, \d+ bytes$/,
      );
    });

    test('is broken by a CDIFF in the middle that leads to another version', async () => {
      const scene = await prepare({ published: 1, stage: { 'test-4.cdiff': official('test-5.cdiff') } });
      await expectFailure(
        publishedClient.play(scene),
        /^the client has version 3 of test, not version 6|^CDIFFs/,
      );
    });

    test('is broken by a client that takes the whole CVD, and by one that stays where it is', async () => {
      const whole = `${DB}; rm -f "$DB/test.cvd"; ${REAL}`;
      await expectFailure(
        playWith(whole, publishedClient, await prepare({ published: 5 })),
        /CDIFFs should do/,
      );
      const scene = await prepare({ published: 5 });
      await expectFailure(playWith('exit 0', publishedClient, scene), /has version 5 of test.*exit 0/);
    });

    test('does not hold over an empty CDIFF, which means: take the whole CVD', async () => {
      const scene = await prepare({ published: 3, stage: { 'test-4.cdiff': new Uint8Array(0) } });
      expect(await publishedClient.play(scene)).toMatch(/^test\.cvd 6, by (?:no CDIFFs|1 CDIFF)$/);
    });

    test('does not hold over a gap: the client may take a run to its edge, and one for the whole CVD', async () => {
      const gap: Setting = {
        stage: { 'test-4.cdiff': undefined },
        staged: { cdiffs: { first: 5, last: 6 } },
      };
      const scene = await prepare({ ...gap, published: 1 });
      expect(await publishedClient.play(scene)).toBe('test.cvd 6, by 2 CDIFFs');
      const once = `test -e "$HERE/again" && exit 0; touch "$HERE/again"; ${REAL}`;
      await expectFailure(
        playWith(once, publishedClient, await prepare({ ...gap, published: 1 })),
        /^the client has version 3 of test, not version 6/,
      );
    });

    test.each([3, 4, 5])(
      'ends one version short without the last CDIFF: from version %d',
      async (published) => {
        const stage = { 'test-6.cdiff': undefined };
        const scene = await prepare({ published, stage, staged: { cdiffs: null } });
        expect(await publishedClient.play(scene)).toBe(
          `test.${published === 5 ? 'cvd' : 'cld'} 5, until upstream has the last CDIFF, by ${counted(5 - published, 'CDIFF')}`,
        );
        const promised = await prepare({ published, stage, staged: { cdiffs: { first: 6, last: 6 } } });
        await expectFailure(publishedClient.play(promised), /test-6\.cdiff|has version 5 of test/);
      },
    );

    test('is broken by a client that stays two versions behind without the last CDIFF', async () => {
      const stage = { 'test-6.cdiff': undefined };
      const scene = await prepare({ published: 4, stage, staged: { cdiffs: null } });
      await expectFailure(playWith('exit 0', publishedClient, scene), /^the client has version 4 of test/);
    });

    test('is tried from each of a few retained versions, and from four of many with both ends', () => {
      const clients = (versions: readonly number[]) => {
        const cvds = versions.map((version) => ({ version, path: '' }));
        return retainedClients({ retained: new Map([['test', cvds]]) } as unknown as Candidate).map(
          ({ client }) => client,
        );
      };
      expect(clients([])).toEqual([]);
      expect(clients([8, 2, 5, 3])).toEqual(['test-2', 'test-3', 'test-5', 'test-8']);
      expect(clients([14, 11, 20, 12, 19, 13, 18, 15, 17, 16])).toEqual([
        'test-11',
        'test-14',
        'test-17',
        'test-20',
      ]);
    });
  });

  describe('“an up-to-date client costs one probe” ', () => {
    test.each([
      ['asks twice', `${REAL}; ${REAL}`, /^it should ask once for each database and asked for (GET .*){2}$/],
      ['never asks', 'exit 0', /^it should ask once .* asked for nothing$/],
      [
        'takes the whole CVD again',
        `${DB}; rm "$DB/test.cvd"; ${REAL}`,
        /^it cost more than a probe: GET \/test\.cvd: 200, \d+ bytes$/,
      ],
      ['has lost its database', `${DB}; ${REAL}; rm "$DB/test.cvd"`, /^the client has no test/],
    ])('is broken by one that %s', async (_, script, said) => {
      const scene = await prepare();
      await freshClient.play(scene);
      expect(await upToDateClient.play(scene)).toMatch(/^GET \/test\.cvd bytes=0-511: [23]\d\d, \d+ bytes$/);
      await expectFailure(playWith(script, upToDateClient, scene), said);
    });
  });

  describe('“a client with ScriptedUpdates off takes the whole CVDs” ', () => {
    test('is kept by the official CVD', async () => {
      expect(await wholeDownloadClient.play(await prepare({ published: 5 }))).toBe('test.cvd 6');
    });

    test('is broken by one that takes CDIFFs all the same', async () => {
      const script = `${CONF}; sed -i 's/^ScriptedUpdates no/ScriptedUpdates yes/' "$CONF"; ${REAL}`;
      const scene = await prepare({ published: 5 });
      await expectFailure(
        playWith(script, wholeDownloadClient, scene),
        /^it wants no CDIFF, and asked: GET \/test-6\.cdiff: 200/,
      );
    });

    test('is broken by a single byte that changes on the way', async () => {
      const script = `${REAL}; ${DB}; printf x | dd of="$DB/test.cvd" bs=1 seek=600 conv=notrunc 2>/dev/null`;
      const failure = playWith(script, wholeDownloadClient, await prepare());
      await expectFailure(failure, /^the client's test\.cvd is not the one that was served$/);
    });
  });

  describe('“a PrivateMirror client saves no cool-down” ', () => {
    test('is kept by our host: the missing .cld is 404', async () => {
      expect(await privateMirrorClient.play(await prepare())).toMatch(/^test\.cvd 6; [1-9]\d* times? 404/);
    });

    test('is broken by one that keeps a cool-down, as after a 403 for the .cld (cl#395, cl#622)', async () => {
      await using poison = await startUpstream();
      poison.fail('*', { status: 403 });
      const script = `${REAL}; ${CONF}; cp "$CONF" "$CONF.2"
        sed -i 's#^PrivateMirror .*#PrivateMirror ${poison.url}#' "$CONF"; ${REAL}; mv "$CONF.2" "$CONF"; exit 0`;
      await expectFailure(
        playWith(script, privateMirrorClient, await prepare()),
        /^it does not come back: .*cool-?down/i,
      );
      expect(poison.asked).toContain('test.cld');
    });

    test('is broken by one that does not ask again', async () => {
      const once = `test -e "$HERE/again" && exit 0; touch "$HERE/again"; ${REAL}`;
      await expectFailure(
        playWith(once, privateMirrorClient, await prepare()),
        /^it does not come back: exit 0, no requests$/,
      );
    });

    test('is broken by a CVD that is not the staged one', async () => {
      const script = `${REAL}; ${DB}; echo >> "$DB/test.cvd"`;
      await expectFailure(
        playWith(script, privateMirrorClient, await prepare()),
        /is not the one that was served$/,
      );
    });
  });

  describe('“a client needs no probe, because our DNS record tells it” ', () => {
    test('is broken by one that asks the mirror instead', async ({ skip }) => {
      const scene = await prepare();
      skip(!scene.engine.canAskNameserver, 'only root can give a tool a nameserver');
      expect(await dnsClient.play(scene)).toMatch(
        /^test\.cvd 6; asked DNS for current\.cvd\.mirror\.invalid/,
      );
      await expectFailure(
        playWith('"$REAL" --no-dns "$@"', dnsClient, await prepare()),
        /^DNS should do, and it asked for GET \/test\.cvd bytes=0-511/,
      );
    });

    test('is skipped, and says so, if the engine cannot be given a nameserver', async () => {
      const scene = await prepare();
      await expect(
        dnsClient.play({ ...scene, engine: { ...scene.engine, canAskNameserver: false } }),
      ).rejects.toMatchObject({ name: 'ScenarioSkipped' });
    });
  });

  describe('“clamscan judges every sample rightly” ', () => {
    let fresh: Scene;
    let own: string;
    beforeAll(async () => {
      fresh = await prepare();
      await freshClient.play(fresh);
      own = join(work, 'own');
      for (const name of ['safe', 'bad']) await mkdir(join(own, name), { recursive: true });
      await writeFile(join(own, 'safe', 'my report.txt'), 'Nothing.\n');
      await writeFile(join(own, 'bad', 'my virus'), eicar());
    });
    const scanWith = async (lists: { clean?: string; infected?: string }) => {
      for (const [name, text] of Object.entries(lists)) await writeFile(join(own, name), text);
      const paths = Object.fromEntries(Object.keys(lists).map((name) => [name, join(own, name)]));
      return await scan.play({ ...fresh, samples: await readUserSamples(paths) });
    };

    test('is kept, with the user’s own among them', async () => {
      const lists = { clean: 'safe/my report.txt\n', infected: 'bad/my virus: Eicar-Test-Signature FOUND\n' };
      const evidence = await scanWith(lists);
      expect(evidence).toContain(`${join(own, 'safe/my report.txt')} OK`);
      expect(evidence).toContain(`${join(own, 'bad/my virus')} Eicar-Test-Signature`);
    });

    test('is broken by a clean one of the user’s in which something is found', async () => {
      await expectFailure(
        scanWith({ clean: 'safe/my report.txt\nbad/my virus\n' }),
        /own\/bad\/my virus is safe, but clamscan calls it Eicar-Test-Signature$/,
      );
    });

    test('is broken by an infected one of the user’s in which nothing is found', async () => {
      await expectFailure(
        scanWith({ infected: 'bad/my virus\nsafe/my report.txt\n' }),
        /should find something in \S+own\/safe\/my report\.txt, and says OK$/,
      );
    });

    test('is broken by one of the user’s that is found under another name', async () => {
      await expectFailure(
        scanWith({ infected: 'bad/my virus: Win.Test.Mine-1 FOUND\n' }),
        /name \S+own\/bad\/my virus by its signature, and says Eicar-Test-Signature$/,
      );
    });

    test('is broken if it would be judged by another version than the staged one', async () => {
      const stale = await prepare();
      await mkdir(join(stale.folder, 'db'));
      await copyFile(official('test-5.cvd'), join(stale.folder, 'db', 'test.cvd'));
      await expectFailure(scan.play(stale), /^the client has version 5 of test, not version 6$/);
    });
  });
});
