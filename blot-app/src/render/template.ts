import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import Mustache from 'mustache'
import { escapeMarkup } from './escape.ts'

/** A set of Mustache files and a style sheet. */
export interface Template {
  readonly name: string
  readonly style: string
  /** Canonical URL of the style sheet: it names the content, so it may be kept for ever. */
  readonly styleTarget: string
  /** Hash of all files: a page made from other files is another page. */
  readonly hash: string
  /** @param view Name of a Mustache file without its extension. */
  render(view: string, data: object): string
}

/** The template that the others build upon: they need only the files that differ. */
export const baseTemplate = 'plain'

/** @param directory Absolute path of a folder that holds a folder for each template. */
export async function loadTemplates(directory: string): Promise<ReadonlyMap<string, Template>> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const base = await readFiles(path.join(directory, baseTemplate))
  const templates = await Promise.all(
    names.toSorted().map(async (name): Promise<[string, Template]> => {
      const own = await readFiles(path.join(directory, name))
      return [name, createTemplate(name, name === baseTemplate ? base : { ...base, ...own, ...addedStyle(base, own) })]
    }),
  )
  return new Map(templates)
}

/** The template of a name, or the base where there is none of it. @throws when even the base is missing. */
export function templateFor(templates: ReadonlyMap<string, Template>, name: string): Template {
  const template = templates.get(name) ?? templates.get(baseTemplate)
  if (template === undefined) throw new Error(`template ${baseTemplate} is missing`)
  return template
}

type Files = Readonly<Record<string, string>>

async function readFiles(folder: string): Promise<Files> {
  const names = await readdir(folder)
  const entries = names.map(async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const)
  return Object.fromEntries(await Promise.all(entries))
}

/** A variant's style sheet comes after the base's and says only what differs. */
function addedStyle(base: Files, own: Files): Files {
  return { 'style.css': `${base['style.css'] ?? ''}\n${own['style.css'] ?? ''}` }
}

function createTemplate(name: string, files: Files): Template {
  // A writer of its own: the library's shared one keeps every text that it ever parsed.
  const writer = new Mustache.Writer()
  const fileOf = (view: string): string | undefined => files[`${view}.mustache`]
  const style = files['style.css'] ?? ''
  return {
    name,
    style,
    styleTarget: `/style.css?v=${hash('sha256', style).slice(0, 16)}&extension=.css`,
    hash: hash('sha256', JSON.stringify(files), 'base64url'),
    render(view, data) {
      const file = fileOf(view)
      if (file === undefined) throw new Error(`template ${name} has no ${view}.mustache`)
      return writer.render(file, data, fileOf, { escape: escapeMarkup })
    },
  }
}
