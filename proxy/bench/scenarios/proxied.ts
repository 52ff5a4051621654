import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

/** The host has no folder: nothing is looked for, all comes from the app. */
export const proxied = [
  requests({
    name: 'proxied-2k',
    question: "What does passing on the app's answer of 2 KB cost?",
    via: 'http',
    urls: [{ host: HOSTS.app, path: '/2k.html' }],
    cache: 'MISS',
  }),
  requests({
    name: 'proxied-1m',
    question: "What does passing on the app's answer of 1 MB cost?",
    via: 'http',
    urls: [{ host: HOSTS.app, path: '/1m.pdf' }],
    perSecond: 200,
    connections: 16,
    cache: 'MISS',
  }),
]
