// The HEALTHCHECK of the image: is the process of `clamav-mirror run` alive? With /readyz: does it serve a proven mirror?
const [path = '/healthz'] = process.argv.slice(2);
const admin = process.env.CLAMAV_MIRROR_ADMIN || '127.0.0.1:8081';
// One that listens on every address is reached here by 0.0.0.0 or [::] itself.
const answer = await fetch(`http://${admin}${path}`).catch((error) => ({
  ok: false,
  status: error.cause?.code,
}));
console.log(`${path}: ${answer.status}`);
process.exit(answer.ok ? 0 : 1);
