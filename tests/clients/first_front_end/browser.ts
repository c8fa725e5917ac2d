/**
 * A browser with that front end in it. A line of standard input is a call, `["subscribe", ["starter"]]`; a line of
 * standard output what came of it: `{ answer, location }`, or `{ error }` with the text that a user would be shown.
 */

import { createInterface } from 'node:readline'
import { billing } from './billing'

const location = { href: '' }
Object.assign(globalThis, { window: { location } })

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, given] = JSON.parse(line) as [keyof typeof billing, never[]]
    try {
      const answer = await (billing[name] as (...given: unknown[]) => Promise<unknown>)(...given)
      console.log(JSON.stringify({ answer, location: location.href }))
    } catch (error) {
      console.log(JSON.stringify({ error: (error as Error).message }))
    }
  }
}

void main()
