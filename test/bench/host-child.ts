import { startHost } from '../../scripts/host/host.ts';

/** A process that does nothing but run the built-in host, without a log; its arguments are the folder and a port. */
const [folder = '', port] = process.argv.slice(2);
await startHost({ folder, port: Number(port) });
