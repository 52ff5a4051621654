import type { Chapter } from '../duty.ts'

export const upstreamTls: Chapter = {
  title: 'An app behind TLS',
  duties: [
    {
      name: 'app-certificate',
      says: 'an app’s certificate that nobody vouches for is not accepted',
      async run({ ask }) {
        const answer = await ask({ to: 'secure' })
        return (answer?.status ?? 0) >= 500 ? undefined : `answered ${answer?.status}`
      },
    },
  ],
}
