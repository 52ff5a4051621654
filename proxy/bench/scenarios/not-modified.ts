import { HOSTS, MODIFIED } from '../grounds.ts'
import { requests } from '../requests.ts'

export const notModified = requests({
  name: 'not-modified',
  question: 'What does a 304 cost?',
  via: 'http',
  urls: [{ host: HOSTS.files, path: '/10k.html' }],
  headers: { 'if-modified-since': MODIFIED },
  status: 304,
  cache: 'HIT',
})
