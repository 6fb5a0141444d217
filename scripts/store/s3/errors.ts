import { codeOf } from '../../base/errors.ts';
import { FileError } from '../../files/atomic.ts';
import { type ProxyRefusal, proxyRefusalIn, refusalAdvice, refusalWords } from '../../http/proxy-refusal.ts';
import { refusingProxy } from '../../http/refusing-proxy.ts';
import { StoreError, type StoreErrorCode } from '../store.ts';

const GRANT_ADVICE =
  'Grant s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and s3:AbortMultipartUpload. Without s3:ListBucket, S3 denies access to missing files too';
const REGION_ADVICE = 'Set the region of the bucket, or its endpoint';

/** Our error codes and advice for names of errors that stores and the SDK use. Vendors agree on few other names. */
const KNOWN: readonly (readonly [RegExp, StoreErrorCode, string])[] = [
  [
    /^(CredentialsProviderError|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId|AuthorizationHeaderMalformed|ExpiredToken\w*|InvalidToken|TokenRefreshRequired|Unauthorized|InvalidIdentityToken\w*)$/,
    'store/credentials',
    'Check the key and secret, or the role of the token. The SDK reads them from the environment, ~/.aws or a web identity',
  ],
  [
    /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture)$/,
    'store/clock',
    "Set this machine's clock, best by NTP. Requests are signed with the time",
  ],
  [/^NoSuchBucket$/, 'store/no-bucket', 'Create the bucket, or correct its name, region or endpoint'],
  [
    /^(QuotaExceeded|InsufficientStorage\w*|InsufficientCapacity\w*|\w*StorageFull|\w*BucketQuota\w*|StorageQuotaExceeded|ServiceQuotaExceeded\w*)$/,
    'store/full',
    "Raise the bucket's quota or free some space. Clients still get what was published before",
  ],
  [/^(AccessDenied|Forbidden|AccountProblem|AllAccessDisabled)$/, 'store/denied', GRANT_ADVICE],
  [
    /^(PermanentRedirect|IllegalLocationConstraintException|InvalidRegionName)$/,
    'store/address',
    REGION_ADVICE,
  ],
];

/** Errors for options that not every store or bucket supports. */
const REFUSED_OPTION =
  /^(InvalidArgument|InvalidStorageClass|InvalidEncryptionAlgorithm\w*|AccessControlListNotSupported|KMS\.\w+|NotImplemented)$/;

const UNREACHABLE =
  /^(ECONN\w+|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|ERR_(TLS|SSL|PROXY)\w*|\w*CERT\w*|\w*ISSUER\w*)$/;
const TIMED_OUT = /^(TimeoutError|AbortError|RequestTimeout)$/;

/** Name of an error of the SDK, and the HTTP status if the store answered. */
interface Fault {
  readonly name: string;
  readonly status: number | undefined;
}

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { name: String(error), status: undefined };
  const metadata = '$metadata' in error && typeof error.$metadata === 'object' ? error.$metadata : undefined;
  const status =
    metadata && 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number'
      ? metadata.httpStatusCode
      : undefined;
  return { name: error.name, status };
}

/** Turns an error of the SDK into ours. `otherwise` is the code for an unknown error. */
export function storeError(
  cause: unknown,
  doing: string,
  otherwise: 'store/failed' | 'store/unreadable',
): Error {
  if (cause instanceof StoreError || cause instanceof FileError || cause instanceof RangeError) return cause;
  const { name, status } = faultOf(cause);
  const said = [name, ...(status === undefined ? [] : [`HTTP ${status}`])].join(', ');
  const make = (code: StoreErrorCode, advice?: string) =>
    new StoreError(code, `cannot ${doing} (${said})`, { cause, ...(advice && { advice }) });
  if (/region is missing/i.test(String(cause)))
    return make('store/address', 'Set the region of the bucket, by a setting or by AWS_REGION');
  const refusal = refusalIn(cause);
  if (refusal !== undefined) {
    const what = `cannot ${doing}: ${refusalWords(refusal)} (${said})`;
    return new StoreError('store/unreachable', what, { cause, advice: refusalAdvice(refusal) });
  }
  for (const [names, code, advice] of KNOWN) if (names.test(name)) return make(code, advice);
  if (status === 507) return make('store/full');
  if (status === 401) return make('store/credentials');
  if (status === 403) return make('store/denied', GRANT_ADVICE);
  if (status === 301) return make('store/address', REGION_ADVICE);
  if (status === undefined && (UNREACHABLE.test(codeOf(cause) ?? '') || TIMED_OUT.test(name)))
    return make(
      'store/unreachable',
      'Check the endpoint, the network and the proxy settings (--proxy, HTTPS_PROXY, NO_PROXY), then run this again',
    );
  if (REFUSED_OPTION.test(name)) {
    const options = '--s3-encryption, --s3-kms-key, --s3-storage-class or --s3-acl';
    return make(otherwise, `The store may not support an option that you set: ${options}`);
  }
  return make(otherwise);
}

/** Finds the refusal of a proxy in an error of the SDK, also one that came as an answer. */
function refusalIn(error: unknown): ProxyRefusal | undefined {
  const { status } = faultOf(error);
  const headers = Object(Object(Object(error).$response).headers);
  const header = (name: string) => (Object.hasOwn(headers, name) ? String(headers[name]) : undefined);
  if (status !== undefined && refusingProxy({ status, header })?.isSure === true) return { status };
  return proxyRefusalIn(error);
}
