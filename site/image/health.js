// The HEALTHCHECK of the image: is the process of `clamav-mirror run` alive? Whether the mirror is well is asked of /readyz.
const [, port = '8081'] = /:(\d+)$/.exec(process.env.CLAMAV_MIRROR_ADMIN ?? '') ?? [];
const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch((error) => ({ ok: false, status: error.cause?.code }));
console.log(`/healthz: ${answer.status}`);
process.exit(answer.ok ? 0 : 1);
