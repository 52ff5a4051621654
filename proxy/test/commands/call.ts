import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Command, CommandContext } from '../../src/commands/command.ts'
import { createContext } from '../../src/commands/context.ts'
import { root, type Ran } from './run-edge.ts'

/** Runs a command in this process, with streams of its own: a Node.js less to start. */
export async function call(
  command: Command,
  values: CommandContext['values'],
  environment: Record<string, string>,
  positionals: readonly string[] = [],
): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const context = createContext({
    // The environment file of this machine, if there is one, is none of the test's.
    values: { environment: '/dev/null', ...values },
    positionals,
    environment,
    main: join(root, 'proxy/src/main.ts'),
    root,
    launchedAs: join(root, 'bin/blot-edge'),
    version: '0.0.0',
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    confirm: () => Promise.resolve(false),
    onSignal: () => undefined,
    directory: root,
  })
  const code = await command.run(context)
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) }
}

/** All that was written: `read` gives it in the pieces in which it came. */
function textOf(stream: PassThrough): string {
  let text = ''
  for (let piece = stream.read() as Buffer | null; piece !== null; piece = stream.read() as Buffer | null) {
    text += piece.toString()
  }
  return text
}
