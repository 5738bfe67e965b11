"""What the command line says of itself: usage and examples."""

from __future__ import annotations

USAGE = """\
aloop [--resume [ID]] [--task TEXT] [--model MODEL]
       aloop sessions list | trash | search WORDS | show ID | stats ID
       aloop sessions check [ID] | export ID FORMAT | delete ID
       aloop sessions restore ID | purge [ID]
       aloop local install | status | remove
       aloop doctor [--json] | completions bash|zsh|fish
       aloop --version | --help"""

EPILOG = """\
examples:
  aloop                                  open the prompt
  aloop --resume                         go on with the latest session
  aloop --resume a1b2 --task "And now?"  one more turn in a session, no prompt
  git diff | aloop --task "Review this"  piped text is added to the task
  aloop --allow write,shell --task "Make the tests pass"
  aloop --task - < question.txt          the file is the task
  aloop --output-format json --task "Count the lines" | jq .answer
  aloop sessions list --limit 5          see also: aloop sessions --help

Tools that write, run commands or leave the working directory ask first, and
with --task, where nobody can be asked, are refused unless --allow names them.

With --task only the answer goes to standard output. A file that its TEXT
names as @path goes along; piped text names none. A pipe that has sent nothing
after 5 seconds is left alone, and that is said; with "--task -" aloop waits
for as long as it takes. Where standard input is no business of aloop's,
as in a loop that reads a file, add < /dev/null.

With --output-format json standard output is one JSON object, the result; with
stream-json each step is one, a line each, and the result comes last. Progress
for a person goes to standard error in all three.

Without credentials (ANTHROPIC_API_KEY, for one) the local model answers, where
"aloop local install" has fetched it, else the offline demo, which is no model.
Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage, 130
interrupted (Ctrl-C), 143 or 129 told to end (SIGTERM, SIGHUP)."""
