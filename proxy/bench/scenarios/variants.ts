import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

/** What a browser sends; it is parsed for each request. */
const accepted = { 'accept-encoding': 'gzip, deflate, br, zstd' }

/** The compressed copy lies beside the file. */
export const variants = [
  requests({
    name: 'gzip-variant',
    question: 'What does choosing and sending the gzip copy of a style sheet of 100 KB cost?',
    via: 'http',
    urls: [{ host: HOSTS.files, path: '/style.css' }],
    headers: accepted,
    cache: 'HIT',
    expected: { 'content-encoding': 'gzip' },
  }),
  requests({
    name: 'br-variant',
    question: 'What does choosing and sending the Brotli copy of a style sheet of 100 KB cost?',
    // Debian's NGINX knows no Brotli.
    contestants: ['edge', 'caddy'],
    via: 'http',
    urls: [{ host: HOSTS.files, path: '/modern.css' }],
    headers: accepted,
    cache: 'HIT',
    expected: { 'content-encoding': 'br' },
  }),
]
