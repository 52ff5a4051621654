const sourceExtension = /\.(?:md|markdown)$/i

/** Whether a file is a post's source. */
export function isSource(file: string): boolean {
  return sourceExtension.test(file)
}

/** Whether a path lies in a folder of drafts, at any depth. */
export function isInDrafts(file: string): boolean {
  return file
    .split('/')
    .slice(0, -1)
    .some((folder) => folder.toLowerCase() === 'drafts')
}

/**
 * Whether a visitor may be given a file of a blog as it is: nothing hidden, no settings and no sources.
 * Drafts are for previews only.
 * @param file Path inside the folder, with forward slashes.
 */
export function isPublicFile(file: string, audience: 'visitors' | 'author'): boolean {
  const segments = file.split('/')
  const hidden = segments.some((segment) => segment === '' || segment.startsWith('.'))
  if (hidden || file.toLowerCase() === 'blog.json' || isSource(file)) return false
  return audience === 'author' || !isInDrafts(file)
}
