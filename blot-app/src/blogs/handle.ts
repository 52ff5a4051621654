const longestLabel = 63
const platformLabels = new Set(['www', 'cdn', 'webhooks'])

/** A handle is one label of a host name, and none that the platform uses itself. */
export function isHandle(name: string): boolean {
  return (
    name.length <= longestLabel &&
    /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) &&
    !platformLabels.has(name) &&
    !name.startsWith('preview-')
  )
}
