package cli

import (
	"os"
	"strings"
)

// completionCommand prints the script that makes a shell complete the program's verbs,
// flags and their values. The script asks the program itself.
func completionCommand(p Program) *Command {
	return &Command{
		Name:      "completion",
		Usage:     "print a shell's completion script",
		ArgsUsage: "bash|zsh|fish",
		Description: "For bash: source <(" + p.Name + " completion bash), in ~/.bashrc.\n\n" +
			"For zsh: put it as _" + p.Name + " in a directory of fpath; or source <(" + p.Name + " completion zsh), after compinit in ~/.zshrc.\n\n" +
			"For fish: put it in ~/.config/fish/completions/" + p.Name + ".fish.",
		Action: func(c *Context) error {
			args := c.Args().Slice()
			script, ok := completionScripts()[args[0]]
			if !ok {
				return Usagef("completion: %q is none of bash, zsh and fish", args[0])
			}
			_, err := os.Stdout.WriteString(completionScript(script, p.Name))
			return err
		},
	}
}

// completionScript is a shell's script for a program.
func completionScript(script, name string) string {
	return strings.NewReplacer("PROGRAM", name, "FUNCTION", strings.ReplaceAll(name, "-", "_"), "VERB", suggestVerb).Replace(script)
}

// completionScripts are the shells' scripts. Each asks the program that is on the command
// line, with the words before the cursor, and adds paths where they would do.
func completionScripts() map[string]string {
	return map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
}

// Where paths would do and no word, bash is left to complete them, for it knows ~ and
// quotes.
const bashScript = `# bash completion for PROGRAM
_FUNCTION() {
  local paths word what
  COMPREPLY=()
  {
    read -r paths
    while IFS=$'\t' read -r word what; do COMPREPLY+=("$word"); done
  } < <("${COMP_WORDS[0]/#\~/$HOME}" VERB -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $paths in
    files) compopt -o default ;;
    dirs) compopt -o dirnames ;;
  esac
}
complete -F _FUNCTION PROGRAM
`

// As a file of fpath the script is the body of a function that completes, already at the
// first TAB; else it defines that function.
const zshScript = `#compdef PROGRAM
_PROGRAM() {
  local paths
  local -a lines
  lines=("${(@f)$("${${(Q)words[1]}/#\~/$HOME}" VERB -- "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  paths=$lines[1]
  shift lines
  compset -P '-*='
  lines=("${(@)${(@)lines//:/\\:}/$'\t'/:}")
  (( $#lines )) && _describe PROGRAM lines
  case $paths in
    files) _files ;;
    dirs) _files -/ ;;
  esac
}
if [[ $funcstack[1] == _PROGRAM ]]; then
  _PROGRAM "$@"
else
  compdef _PROGRAM PROGRAM
fi
`

const fishScript = `# fish completion for PROGRAM
function __FUNCTION_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -l lines ($program VERB -- $words[2..-1] "$current" 2>/dev/null)
    set -l flag (string match -r -- '^-[^=]*=' $current)
    for line in $lines[2..-1]
        echo "$flag$line"
    end
    set -l path (string replace -r -- '^-[^=]*=' '' $current)
    switch "$lines[1]"
        case files
            printf "$flag%s\n" (__fish_complete_path "$path")
        case dirs
            printf "$flag%s\n" (__fish_complete_directories "$path")
    end
end
complete -c PROGRAM -f -a '(__FUNCTION_complete)'
`
