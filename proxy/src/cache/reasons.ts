import type { Refusal } from './rules/storable.ts'
import type { Bypass } from './shared/request-form.ts'

/** The rule by which an answer is not stored, or a request not answered from what is stored. */
export type Reason =
  | Refusal
  | Bypass
  | 'page file'
  | 'too large'
  | 'too many tags'
  | 'purged meanwhile'
  | 'cut'
  | 'range'
  | 'private lately'

/** In words, and where it is written. */
export type Rule = { readonly words: string; readonly section: string | undefined }

const rule = (words: string, section?: string): Rule => ({ words, section })

export const RULES: Readonly<Record<Reason, Rule>> = {
  // Of requests.
  site: rule('answers of such a site are stored for nobody'),
  method: rule('only answers to GET are stored', 'RFC 9111 3'),
  body: rule('the request had a body, which may have shaped the answer', 'RFC 9110 9.3.1'),
  'if-match': rule('the request had If-Match or If-Unmodified-Since, which the app has to judge', 'RFC 9111 4.3.2'),
  'event stream': rule('the request asked for a stream of events'),
  connection: rule('the request named fields in Connection, which the app does not see', 'RFC 9110 7.6.1'),
  'long target': rule('the target is longer than 2 KB'),
  'foreign host': rule('Host had a foreign port, or was spelt otherwise: the app may put it into links'),
  'override field': rule('the request had a field by which apps let themselves be asked for something else'),
  'large head': rule('the head of the request was larger than 8 KB, which the app may refuse'),
  'request no-store': rule('the request said no-store', 'RFC 9111 5.2.1.5'),
  range: rule('a part was asked for while nothing was stored', 'RFC 9111 3.3'),
  'private lately': rule('an answer a few seconds ago was for one visitor alone'),
  // Of answers.
  status: rule('answers of this status are never stored', 'RFC 9111 3, RFC 6585'),
  trouble: rule('the app said that it is in trouble, and not how long that holds', 'RFC 9111 3'),
  'no-store': rule('the app said no-store', 'RFC 9111 5.2.2.5'),
  private: rule('the app said private', 'RFC 9111 5.2.2.7'),
  'must-understand': rule('the app said must-understand, and the status is not understood here', 'RFC 9111 5.2.2.3'),
  authorization: rule(
    'the request had credentials, and the app did not say that all may have the answer',
    'RFC 9111 3.5',
  ),
  cookie: rule('the request had a cookie, and the app did not say how long others may have the answer', 'RFC 9111 3'),
  'set-cookie': rule('the app set a cookie and said neither public nor s-maxage', 'RFC 9111 7.3'),
  'vary *': rule(
    'the app said Vary: *, or named too many fields, or one that tells who asks: no other request selects it',
    'RFC 9111 4.1',
  ),
  'vary changed': rule('a confirmation varied by other fields than what is stored', 'RFC 9111 4.1'),
  'no freshness': rule('it has neither a lifetime nor what it could be confirmed by', 'RFC 9111 3'),
  'page file': rule('the app owns it: it may write it as a page file (BLOT_CACHE)'),
  'too large': rule('the body is larger than what is stored'),
  'too many tags': rule('it has more than 128 tags, or one of more than 256 characters: it could not be purged by all'),
  'purged meanwhile': rule('a purge, or an unsafe request, was about it while it was fetched', 'RFC 9111 4.4'),
  cut: rule('the app cut its body', 'RFC 9111 3.3'),
}
