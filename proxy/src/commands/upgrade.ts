import { environmentOption, type Command } from './command.ts'
import { follow } from './reload.ts'

export const upgrade: Command = {
  name: 'upgrade',
  summary: 'the same with another primary: a new Node.js for all of the edge',
  usage: '[--environment FILE] [--json]',
  help: `Does what "blot-edge reload" does, and replaces the primary too: the running one starts that of the release which the link
it was started by names now, on that release's Node.js, with the listening sockets inherited. When the new one serves,
the old one drains and ends. When it cannot, the old one serves on, the reason is printed, and the exit code is 1.

systemd is told the new process, and the file of EDGE_PID_FILE names it. Under Upstart, and as the first process of a
container, a primary cannot be replaced: restart it.

  --json           the outcome as JSON`,
  options: { json: { type: 'boolean' }, ...environmentOption },
  run: (context) => follow(context, '/upgrade'),
}
