import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Lets Node keep modules as it has compiled them, so that those loaded from now on start sooner in the next process. They
 * are in the project's own folder: who can write there can change the code itself, and where we cannot, none are kept.
 */
export function keepCompiled(): void {
  enableCompileCache(join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'clamav-mirror'));
}
