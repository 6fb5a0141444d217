import { FolderStore } from '../../scripts/store/folder.ts';

/** Begins to publish the file of the second path to the store at the first, says so, and never comes to an end. */
const [folder = '', path = ''] = process.argv.slice(2);
await using publication = await new FolderStore(folder).begin(undefined);
process.stdout.write('begun\n');
await publication.put('test.cvd', path, { sha256: '' });
