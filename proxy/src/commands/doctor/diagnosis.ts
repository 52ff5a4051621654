/** What `doctor` found out about one thing. */
export type Diagnosis = {
  readonly state: 'ok' | 'warn' | 'fail'
  /** What was looked at: a path, a variable, a kernel setting. */
  readonly subject: string
  readonly message: string
  /** Why it matters. */
  readonly why?: string
  /** The command that mends it, or what a person has to do. */
  readonly mend?: string
  /** Mends it, where that can do no harm. Resolves once it is done. */
  readonly fix?: () => Promise<void>
}

export type Trouble = Pick<Diagnosis, 'why' | 'mend' | 'fix'>

export function ok(subject: string, message: string): Diagnosis {
  return { state: 'ok', subject, message }
}

/** It works today. */
export function warn(subject: string, message: string, trouble: Trouble): Diagnosis {
  return { state: 'warn', subject, message, ...trouble }
}

export function fail(subject: string, message: string, trouble: Trouble): Diagnosis {
  return { state: 'fail', subject, message, ...trouble }
}

/** A word of a command line as a shell takes it. */
export function quote(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
