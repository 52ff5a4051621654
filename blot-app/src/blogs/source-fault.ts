/** A fault that an author can mend. The message is a sentence for the author and is shown on the page. */
export class SourceFault extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SourceFault'
  }
}
