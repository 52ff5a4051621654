export type PageName =
  | 'offline'
  | 'unavailable'
  | 'maintenance'
  | 'not-found'
  | 'misdirected'
  | 'bad-request'
  | 'too-large'
  | 'timeout'
  | 'forbidden'
  | 'method-not-allowed'

export type PageContent = {
  readonly title: string
  readonly sentence: string
  /** Opening the same address again may help: the page offers it. */
  readonly again: boolean
}

/** What a visitor reads. Never why: reasons go to the log, under the request's id. */
export const PAGES: Readonly<Record<PageName, PageContent>> = {
  offline: {
    title: 'This site is out of reach',
    sentence: 'It is not answering at the moment, and usually returns within minutes.',
    again: true,
  },
  unavailable: {
    title: 'Back in a moment',
    sentence: 'The site has more to do than it can right now.',
    again: true,
  },
  maintenance: {
    title: 'Down for maintenance',
    sentence: 'The site is being looked after and will be back soon.',
    again: true,
  },
  'not-found': {
    title: 'Nothing here',
    sentence: 'There is no page at this address. It may have moved, or the link may be mistyped.',
    again: false,
  },
  misdirected: {
    title: 'The wrong connection',
    sentence: 'Your browser reached this site over a connection meant for another. Opening it again usually helps.',
    again: true,
  },
  'bad-request': {
    title: 'That made no sense here',
    sentence: 'The request could not be understood, so nothing was done.',
    again: false,
  },
  'too-large': {
    title: 'Too large',
    sentence: 'What was sent is larger than this address accepts.',
    again: false,
  },
  timeout: {
    title: 'That took too long',
    sentence: 'The request was not complete in time, so it was given up.',
    again: true,
  },
  forbidden: {
    title: 'Not open to you',
    sentence: 'This address does not answer requests like this one.',
    again: false,
  },
  'method-not-allowed': {
    title: 'Not possible here',
    sentence: 'This address exists, but it does not accept this kind of request.',
    again: false,
  },
}
