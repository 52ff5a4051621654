import { BroadcastChannel } from 'node:worker_threads'

/** How a test asks a watched thread what it saw: the engine has its own channel to it, and no other. */
const [QUESTION, ANSWER] = ['blot-edge.test.seen?', 'blot-edge.test.seen']

export function answerSeen(seen: () => readonly string[]): void {
  const [question, answer] = [new BroadcastChannel(QUESTION), new BroadcastChannel(ANSWER)]
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- This is Node's, which has no origins.
  question.addEventListener('message', () => answer.postMessage(seen()))
  question.unref()
  answer.unref()
}

export async function tellSeen(): Promise<readonly string[]> {
  const [question, answer] = [new BroadcastChannel(QUESTION), new BroadcastChannel(ANSWER)]
  const told = new Promise<readonly string[]>((resolve) => {
    answer.addEventListener('message', (event) => resolve((event as unknown as { data: readonly string[] }).data))
  })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- This is Node's, which has no origins.
  question.postMessage(undefined)
  try {
    return await told
  } finally {
    question.close()
    answer.close()
  }
}
