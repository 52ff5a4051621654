import * as v from 'valibot'

/** Whole numbers of a range, both ends included. */
export function integer(minimum: number, maximum: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(minimum), v.maxValue(maximum))
}

/** Text of this form. */
export function matching(form: RegExp) {
  return v.pipe(v.string(), v.regex(form))
}
