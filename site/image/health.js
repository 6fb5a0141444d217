// The HEALTHCHECK of the image: is the process of `clamav-mirror run` alive? With /readyz: does it serve a proven mirror?
const [path = '/healthz'] = process.argv.slice(2);
const [, port = '8081'] = /:(\d+)$/.exec(process.env.CLAMAV_MIRROR_ADMIN ?? '') ?? [];
const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch((error) => ({
  ok: false,
  status: error.cause?.code,
}));
console.log(`${path}: ${answer.status}`);
process.exit(answer.ok ? 0 : 1);
