import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

export const range = requests({
  name: 'range',
  question: 'What does a part of 10 KB of a page of 100 KB cost?',
  via: 'http',
  urls: [{ host: HOSTS.files, path: '/100k.html' }],
  headers: { range: 'bytes=20480-30719' },
  status: 206,
  cache: 'HIT',
  expected: { 'content-range': 'bytes 20480-30719/102400' },
})
