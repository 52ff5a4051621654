import { once } from 'node:events'
import tls from 'node:tls'

/** From the connection to the end of the page. Rejects unless the certificate is that of the name, and the answer a 200. */
export async function firstPage(port: number, name: string): Promise<void> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: name, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subjectaltname } = socket.getPeerCertificate()
  socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const part of socket) text += String(part)
  if (subjectaltname !== `DNS:${name}`) throw new Error(`${name} got the certificate of ${subjectaltname}`)
  if (!text.startsWith('HTTP/1.1 200 ')) throw new Error(`${name} got ${text.slice(0, 40)}`)
}
