import { open, readFile, rename } from 'node:fs/promises'

const BEGIN = '<!-- conformance: written by `npm run conformance -- --write` -->'
const END = '<!-- conformance: end -->'

/** Puts a text between the two marks of a Markdown file. @throws when they are not there. */
export async function writeBetweenMarks(path: string, text: string): Promise<void> {
  const document = await readFile(path, 'utf8')
  const begin = document.indexOf(BEGIN)
  const end = document.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`${path} has no place for the table: ${BEGIN} and ${END}`)
  const whole = `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n${document.slice(end)}`
  const temporary = `${path}.${process.pid}.tmp`
  const file = await open(temporary, 'wx')
  try {
    await file.writeFile(whole)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}
