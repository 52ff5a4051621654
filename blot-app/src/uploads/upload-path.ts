const longestNameBytes = 255
const longestPathBytes = 2048

/**
 * The segments of an uploaded file's path inside the blog's folder.
 * @param rawPath As it stands in the URL: each segment is decoded once.
 * @returns undefined for a path that names nothing, something hidden, or anything outside the folder.
 */
export function uploadSegments(rawPath: string): string[] | undefined {
  if (Buffer.byteLength(rawPath) > longestPathBytes) return undefined
  const segments = rawPath.split('/').map(decodeSegment)
  const names = segments.filter((segment) => segment !== undefined)
  return names.length === segments.length && names.every(isSafeName) ? names : undefined
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

// A leading dot covers "." and ".." as well as hidden files; control characters help nobody but an attacker.
function isSafeName(name: string): boolean {
  const hasSeparator = /[/\\\p{Cc}]/u.test(name)
  return name !== '' && !name.startsWith('.') && !hasSeparator && Buffer.byteLength(name) <= longestNameBytes
}
