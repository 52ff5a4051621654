import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

/** The compressed copy lies beside the file; what a browser sends is parsed for each request. */
export const gzipVariant = requests({
  name: 'gzip-variant',
  question: 'What does choosing and sending the compressed copy of a style sheet of 100 KB cost?',
  via: 'http',
  urls: [{ host: HOSTS.files, path: '/style.css' }],
  headers: { 'accept-encoding': 'gzip, deflate, br, zstd' },
  cache: 'HIT',
  expected: { 'content-encoding': 'gzip' },
})
