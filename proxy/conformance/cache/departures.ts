/** Where the edge does not do what the suite wants, and why: by the RFC in force, or lest one visitor gets what is another's. */
export type Departure = {
  /** Tests of the suite. */
  readonly tests: readonly string[]
  readonly because: string
}

export const DEPARTURES: readonly Departure[] = [
  {
    tests: [
      'age-parse-nonnumeric',
      'age-parse-negative',
      'age-parse-float',
      'age-parse-prefix-twoline',
      'age-parse-dup-0',
      'age-parse-dup-0-twoline',
      'age-parse-dup-old',
      'age-parse-parameter',
      'age-parse-numeric-parameter',
    ],
    because:
      'Of several `Age` the first counts, and a malformed one is ignored (RFC 9111 5.1). This edition, which is older, wants such an answer stale; the newest one wants what the edge does.',
  },
  {
    tests: [
      'stale-close-must-revalidate',
      'stale-close-proxy-revalidate',
      'stale-close-no-cache',
      'stale-close-s-maxage=2',
    ],
    because:
      'The stale answer is not sent: the visitor gets a 504 or 502 (RFC 9111 4.2.4, 5.2.2.2). This edition takes every answer that is not the app’s for a stored one; the newest one does not.',
  },
  {
    tests: ['304-etag-update-response-ETag'],
    because:
      'A 304 with another strong tag must not update what is stored (RFC 9111 4.3.4): the app is asked again, where the test wants the old answer sent. The newest edition makes it a question.',
  },
  {
    tests: ['headers-store-Set-Cookie', '304-etag-update-response-Set-Cookie', 'other-set-cookie'],
    because:
      'What sets a cookie is stored only with `public` or `s-maxage`, and without the cookie. Not to store is always allowed (RFC 9111 3, 7.3).',
  },
  {
    tests: ['vary-normalise-lang-select'],
    because:
      'What the requests say differs in meaning, so that the stored answer must not be used (RFC 9111 4.1), whatever its `Content-Language`.',
  },
  {
    tests: ['vary-normalise-lang-order'],
    because:
      'Many apps prefer the first of equal languages, as RFC 9110 12.5.4 says some do: the order is not known to mean nothing.',
  },
  {
    tests: ['conditional-lm-fresh-no-lm'],
    because:
      'Without `Last-Modified` the date of the answer counts, and it is later than what the visitor has (RFC 9111 4.3.2).',
  },
  {
    tests: [
      'partial-store-partial-reuse-partial',
      'partial-store-partial-reuse-partial-byterange',
      'partial-store-partial-reuse-partial-absent',
      'partial-store-partial-reuse-partial-suffix',
    ],
    because:
      'Their `Content-Range` promises six bytes, and five come: nobody can tell which they are (RFC 9110 14.4, 15.3.7).',
  },
  {
    tests: ['partial-store-partial-complete'],
    because:
      'Parts without a strong validator cannot be put together (RFC 9111 3.4): asking for the rest would be in vain.',
  },
]
