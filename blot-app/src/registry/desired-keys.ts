import type { Blog } from '../blogs/model.ts'
import type { HostIndex } from '../hosts.ts'

/** One key that other programs look up, with the blog that it stands for. */
export interface DesiredKey {
  readonly key: string
  readonly blogId: string
  /** For a hash, its fields; undefined for a plain key, whose value is the blog ID. */
  readonly fields: Readonly<Record<string, string>> | undefined
}

/** The keys that Redis should hold for one state of all blogs: `handle:*`, `domain:*` and `blog:*:info`. */
export function desiredKeys(hosts: HostIndex): DesiredKey[] {
  return hosts.names.flatMap(({ blog, handles, domains }) => {
    const names = [...handles.map((handle) => `handle:${handle}`), ...domains.map((domain) => `domain:${domain}`)]
    const plain = names.map((key) => ({ key, blogId: blog.id, fields: undefined }))
    return [...plain, { key: `blog:${blog.id}:info`, blogId: blog.id, fields: infoOf(blog, domains[0]) }]
  })
}

function infoOf({ id, handle, settings }: Blog, domain: string | undefined): Record<string, string> {
  return {
    id,
    handle,
    title: settings.title,
    domain: domain ?? '',
    template: settings.template,
    forceSSL: String(settings.forceSSL),
    formerHandles: settings.formerHandles.join(','),
  }
}
