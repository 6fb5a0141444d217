import { createServer } from 'node:http';
import send from 'send';

/** A process that does nothing but serve a folder with the bare `send`; its arguments are the folder and a port. */
const [root = '', port] = process.argv.slice(2);
createServer((request, response) => {
  send(request, request.url ?? '/', { root }).pipe(response);
}).listen(Number(port), '127.0.0.1');
