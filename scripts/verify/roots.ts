/** A certificate at which the chain of a `.sign` file may end. */
export interface TrustedRoot {
  /** An X.509 certificate in DER. */
  readonly certificate: Uint8Array;
}

/**
 * Root of Talos' signatures: CN "Cisco Software Identity Root CA RSA 4096 SHA512 2099", valid from 2024 to
 * 2099, SHA-256 6B3D4E1B5E26318C0BB6A22FB1206D287FA3FB0C5FE34EEBBF8613954F8A64A7.
 * Source: certs/clamav.crt, which ClamAV installs in its folder of roots (clamav-formats.md §8.2).
 */
export const TALOS_ROOT: TrustedRoot = {
  certificate: Buffer.from(
    [
      'MIIFhTCCA22gAwIBAgIJBJPyuFHF1b7RMA0GCSqGSIb3DQEBDQUAMF8xDjAMBgNVBAsTBUFyYm9yMQ4wDAYDVQQKEwVDaXNjbzE9',
      'MDsGA1UEAxM0Q2lzY28gU29mdHdhcmUgSWRlbnRpdHkgUm9vdCBDQSBSU0EgNDA5NiBTSEE1MTIgMjA5OTAgFw0yNDAxMjQxODQ1',
      'MjVaGA8yMDk5MDEyNDE4NDUyNVowXzEOMAwGA1UECxMFQXJib3IxDjAMBgNVBAoTBUNpc2NvMT0wOwYDVQQDEzRDaXNjbyBTb2Z0',
      'd2FyZSBJZGVudGl0eSBSb290IENBIFJTQSA0MDk2IFNIQTUxMiAyMDk5MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEA',
      '14hoPbzqZxPr8Wqpq2H+tOib+DkQP80mUP6zAw3uu+eNygd+jOBCenO6B7sp1sqCRT8QBQWQxNHVeVfMQN1vjMrqEMNh/eflVtOG',
      'y32UbkuQrVzj2H+G1PtjeMQKa26LD8XPDUIOpj9rzPdjKFFfz13tm21gNIiVSTI34T5BS5BNEQj1b+VQg+0kbANCOOTiTh+H/gxh',
      'pXRv8F3VNUrrPxA7a3WF5jhZZoPBns1LuBDW0fQ0av6q/uEWtfxMdSNsAxYWVhO90Nx4khOISA1Fs1h1klGsee5XZkLKdUWedZQz',
      'bUz1f7VPRxX+ddcK0Js2VPvxemMf2WaTbkrEi62y/cOaxqDs2xDTWEXrgOYYEfQ+RoeYpbzBCaErqZvCeOgrnXFSHSyyd9+dTOxJ',
      'uypBH+AWKtmkQMQQ7RQJSkGvrP9NgRxDMXb1U4kpVn7kEEhv6telV9E8R635Zm4h/H9FQyc2LrLOuL5UPewMMWt8HqPbs2Xcn1kT',
      'LvpEDciDJDRvu4XuBsjgQMA0rlt5BHAmZdGO5Dq4+ARWAYrzN9+M0dK+0phTT9OOHItIL6wXcIiYLZBJlHfiemCByIcBBEYaRwdt',
      '3VP9tTl0F370StI2t1RMDPgtxHcsYqN09QG/tWzwr/yNckFhVs/+UGQWslv2/W6eiKge5REUFuxT6i7V6oUCAwEAAaNCMEAwDgYD',
      'VR0PAQH/BAQDAgEGMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFLd8Wz4X/JJ6Oi/+znsT0DTPuju8MA0GCSqGSIb3DQEBDQUA',
      'A4ICAQCZEut7iqp839u7CHD8zMrvOMmUKtJ7G1MrhkJfdyek8g7ArG74bgcxM3ptwDusdFgKh/mmCj/mFU6TNjsufZ9hAyOE16Zt',
      'GflkOrRlihPQThDdGCxQjRsLVQa9S0IDkM1v1ZqvIMEcPJOj3rhvkIJVjpHc0AZQP/TnaT/7dKD1wFOSNYwzdvE2HKVNA8XbeS9T',
      'NpHqYPvE2gX6vQ7Pdn9DIF6YOmOuBobmaD1G7WbDz5Kvz5e3FdkzR+K3sGW4Qsr3OLt25dQSH+x7X06fihUxhEgRJJp2cPKABSKV',
      'R2hoyzKNEbzgtV25gH7lr+EHA6CQYltkVpyM4v1+PdX1EGY0+rAO+NsRwa6ndFteofJLh9PbvxHp0jGWnT1KF4lhmEyyka9JKbqT',
      'yiyGzDsw/YA9NxiAsp/Ex8aYXX1/SeM/kb6dp7tytsHewwflns1jfGqRVyrXQ41xCmmSioBvtZiry8BJTa8xIUWEsBL1pTl2RZrP',
      'DAw/qD10K2XJfh5HYFSkIppoIO+90wN8TYcXbyY+JnU/g32AvkmA3o8lotK6nbwuf7MAFdtPHMA4F8mPM3jADc1uGu9OYweaA1c+',
      'P5KEOyr325cgsT04x4oeyvP3c3XMLpDpSgbzhfc9WyLYCf3R3jHlst1AKaDwBk2xoE3knxihYjbcRfjaaYdUkWY4mg==',
    ].join(''),
    'base64',
  ),
};
