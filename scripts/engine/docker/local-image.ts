import { parseImage } from '../images/reference.ts';
import type { ContainerProgram } from './cli.ts';

/** An image on this machine. */
export interface LocalImage {
  readonly id: string;
  readonly volumes: readonly string[];
  /** Name with the digest by which its registry knows it; of an image that came from no registry, its id. */
  readonly image: string;
}

/**
 * Looks at an image by its name or id; `wantedAs` is the name that somebody asked for it by. Throws `engine/broken` if it
 * is not on this machine.
 */
export async function inspectImage(
  name: string,
  program: ContainerProgram,
  wantedAs = name,
): Promise<LocalImage> {
  const answer = await program.command(['image', 'inspect', '--format={{json .}}', name]);
  const parsed: unknown = JSON.parse(answer);
  const found: unknown = Array.isArray(parsed) ? parsed[0] : parsed; // podman 4 answers with a list, docker without
  const { Id, Config, RepoDigests }: Record<string, unknown> = Object(found);
  const id = String(Id);
  const digests = Array.isArray(RepoDigests) ? RepoDigests.map(String) : [];
  const wanted = parseImage(wantedAs);
  // the same image may have come by several digests, and from several registries
  const used =
    digests.find((one) => one.endsWith(`@${wanted?.digest}`)) ??
    digests.find((one) => parseImage(one)?.repository === wanted?.repository) ??
    digests[0];
  return { id, volumes: Object.keys(Object(Object(Config).Volumes)), image: used ?? id };
}
