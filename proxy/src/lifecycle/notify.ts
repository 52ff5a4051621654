import { codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'

/** What systemd is told of a service of `Type=notify` (sd_notify(3)). */
export type Notifier = {
  /** It serves. `status` is what `systemctl status` shows. */
  ready(status: string): void
  reloading(): void
  stopping(): void
  /** Another process is the main one from now on. */
  mainPid(pid: number): void
  /** Tells systemd as often as it has to hear of the service, for as long as that is well. @returns what ends it. */
  watch(isWell: () => boolean): () => void
}

export type NotifyEnvironment = Readonly<Record<string, string | undefined>>

type Send = (message: string) => void

/** Variables that are for this process alone: a child that had them would speak for it. */
export const NOTIFY_VARIABLES: readonly string[] = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']

/** Without systemd, one that says nothing. */
export async function openNotifier(environment: NotifyEnvironment): Promise<Notifier> {
  const { NOTIFY_SOCKET: path } = environment
  return createNotifier(path === undefined ? () => undefined : await openSocket(path), environment)
}

function createNotifier(send: Send, environment: NotifyEnvironment): Notifier {
  return {
    ready: (status) => send(`READY=1\nSTATUS=${status}`),
    // CLOCK_MONOTONIC, in µs: systemd tells by it which READY=1 is the answer (`Type=notify-reload`).
    reloading: () => send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}\nSTATUS=reloading`),
    stopping: () => send('STOPPING=1\nSTATUS=finishing what is under way'),
    mainPid: (pid) => send(`MAINPID=${pid}`),
    watch(isWell) {
      const everyMs = watchdogMs(environment) / 2
      if (!(everyMs > 0)) return () => undefined
      const timer = setInterval(() => {
        // Of one that is not, silence is the word.
        if (isWell()) send('WATCHDOG=1')
      }, everyMs)
      timer.unref()
      return () => clearInterval(timer)
    },
  }
}

/** sd_watchdog_enabled(3): 0 where nobody waits for this process. */
function watchdogMs({ WATCHDOG_USEC: micros, WATCHDOG_PID: pid }: NotifyEnvironment): number {
  const isOurs = pid === undefined || Number(pid) === process.pid
  return isOurs ? Number(micros ?? 0) / 1000 : 0
}

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000

/**
 * Node has no datagram sockets of AF_UNIX: libc sends, from this very process, so that `NotifyAccess=main` is enough. (The
 * program systemd-notify would be another process, and need `all`.)
 */
async function openSocket(path: string): Promise<Send> {
  const faults = edgeChannel('fault')
  try {
    const { dlopen } = await import('node:ffi')
    const { functions: libc } = dlopen(null, {
      socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
      sendto: { return: 'i64', arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'] },
    })
    const socket = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    const address = addressOf(path)
    return (message) => {
      const bytes = Buffer.from(message)
      const sent = libc.sendto(socket, bytes, BigInt(bytes.length), MSG_NOSIGNAL, address, address.length)
      if (sent < 0n)
        faults.publish({ area: 'lifecycle', message: 'systemd was not told', error: message.split('\n')[0] })
    }
  } catch (error) {
    faults.publish({ area: 'lifecycle', message: 'systemd cannot be told', error: codeOf(error) })
    return () => undefined
  }
}

/** sockaddr_un (unix(7)): the family in the machine's order, the path; an abstract one (`@…`) begins with NUL and ends with its last byte. */
function addressOf(path: string): Buffer {
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`
  return Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), Buffer.from(name)])
}
