import { join } from 'node:path'
import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

/** The app reads all of it and says how much it was. */
export const upload = requests({
  name: 'post-1m',
  question: 'What does passing on an upload of 1 MB cost?',
  via: 'http',
  urls: [{ host: HOSTS.app, path: '/upload' }],
  bodyFile: ({ www }) => join(www, '1m.pdf'),
  upstream: 'echo',
  connections: 16,
  cache: 'BYPASS',
})
