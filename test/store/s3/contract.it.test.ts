import { s3Settings } from '../../../scripts/store/s3/address.ts';
import { S3Store } from '../../../scripts/store/s3/store.ts';
import { describeWithCeph, newBucket } from '../../support/s3/s3.ts';
import { testContract } from '../contract.ts';

describeWithCeph('a bucket', (ceph) => {
  testContract(async () => {
    const bucket = await newBucket(ceph);
    const settings = s3Settings(`s3://${bucket.name}/a/prefix`, { endpoint: ceph.endpoint });
    return {
      open: () => new S3Store(settings),
      plant: (name, text) => bucket.plant(`a/prefix/${name}`, text),
      read: (name) => bucket.get(`a/prefix/${name}`),
      names: async () => (await bucket.keys()).map((key) => key.slice('a/prefix/'.length)),
    };
  });
});
