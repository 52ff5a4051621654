import type { Machine } from './boot.ts'

/** A blog of the machine, by one of its names. */
export const host = 'garden.blot.example'

/** What curl is told, so that it asks this machine. */
export const resolve = `--resolve ${host}:443:127.0.0.1 --resolve ${host}:80:127.0.0.1`

/** The certificate that a visitor is shown. */
export function fingerprint(machine: Machine): Promise<string> {
  return machine.do(
    `openssl s_client -connect 127.0.0.1:443 -servername ${host} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint`,
  )
}

export async function mainPid(machine: Machine, unit: string): Promise<string> {
  return (await machine.do(`systemctl show --property=MainPID --value ${unit}`)).trim()
}
