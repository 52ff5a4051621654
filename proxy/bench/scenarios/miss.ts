import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

/** The host has a folder, so that every place is looked at before the app is asked. */
export const miss = requests({
  name: 'miss',
  question: 'What does a page of 2 KB cost that is nowhere on disk and comes from the app?',
  via: 'http',
  urls: [{ host: HOSTS.files, path: '/nowhere.html' }],
  cache: 'MISS',
})
