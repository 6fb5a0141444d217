import { codeOf } from '../../base/errors.ts';
import { FileError } from '../../files/atomic.ts';
import { StoreError, type StoreErrorCode } from '../store.ts';

const GRANT =
  'Grant s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and s3:AbortMultipartUpload; without s3:ListBucket a missing file is denied too';
const REGION = 'Set the region that the bucket is in, or its endpoint';

/** What the store or the SDK calls a fault, and what that is to us. Vendors agree on few of the others. */
const KNOWN: readonly (readonly [RegExp, StoreErrorCode, string])[] = [
  [
    /^(CredentialsProviderError|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId|AuthorizationHeaderMalformed|ExpiredToken\w*|InvalidToken|TokenRefreshRequired|Unauthorized|InvalidIdentityToken\w*)$/,
    'store/credentials',
    'Look at the key and secret, or at the role that the token is for, where the SDK finds them: environment, ~/.aws, web identity',
  ],
  [
    /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture)$/,
    'store/clock',
    "Set this machine's clock, best by NTP: requests are signed with the time",
  ],
  [/^NoSuchBucket$/, 'store/no-bucket', 'Create the bucket, or correct its name, region or endpoint'],
  [
    /^(QuotaExceeded|InsufficientStorage\w*|InsufficientCapacity\w*|\w*StorageFull|\w*BucketQuota\w*|StorageQuotaExceeded|ServiceQuotaExceeded\w*)$/,
    'store/full',
    "Raise the bucket's quota or make room; nothing half done is seen by clients",
  ],
  [/^(AccessDenied|Forbidden|AccountProblem|AllAccessDisabled)$/, 'store/denied', GRANT],
  [/^(PermanentRedirect|IllegalLocationConstraintException|InvalidRegionName)$/, 'store/address', REGION],
];

/** What the options ask for that not every store, and not every bucket, has. */
const REFUSED_OPTION =
  /^(InvalidArgument|InvalidStorageClass|InvalidEncryptionAlgorithm\w*|AccessControlListNotSupported|KMS\.\w+|NotImplemented)$/;

const UNREACHABLE =
  /^(ECONN\w+|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|ERR_(TLS|SSL|PROXY)\w*|\w*CERT\w*|\w*ISSUER\w*)$/;
const TIMED_OUT = /^(TimeoutError|AbortError|RequestTimeout)$/;

/** How an error of the SDK names a fault, and the HTTP status if there was an answer. */
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

/** An error of the SDK as ours; `otherwise` is what it is when nothing better is known. */
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
    return make('store/address', 'Name the region of the bucket, by a setting or AWS_REGION');
  for (const [names, code, advice] of KNOWN) if (names.test(name)) return make(code, advice);
  if (status === 407 || (status === undefined && codeOf(cause) === 'ERR_PROXY_TUNNEL'))
    return make('store/unreachable', 'The proxy refuses: look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY');
  if (status === 507) return make('store/full');
  if (status === 401) return make('store/credentials');
  if (status === 403) return make('store/denied', GRANT);
  if (status === 301) return make('store/address', REGION);
  if (status === undefined && (UNREACHABLE.test(codeOf(cause) ?? '') || TIMED_OUT.test(name)))
    return make(
      'store/unreachable',
      'Look at the endpoint, the network and the proxy settings (HTTPS_PROXY, NO_PROXY), then run this again',
    );
  if (REFUSED_OPTION.test(name)) {
    const options = '--s3-encryption, --s3-kms-key, --s3-storage-class or --s3-acl';
    return make(otherwise, `If you ask for one, the store may not know it: ${options}`);
  }
  return make(otherwise);
}
