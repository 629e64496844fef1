package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// completionCommand prints the script that makes a shell complete the program's verbs and
// flags. It is made from the same definitions as the program.
func completionCommand(p Program) *Command {
	return &Command{
		Name:        "completion",
		Usage:       "print a shell's completion script",
		ArgsUsage:   "bash|zsh|fish",
		Description: "For bash: source <(" + p.Name + " completion bash).\n\nFor zsh: put it as _" + p.Name + " in a directory of fpath, or: source <(" + p.Name + " completion zsh), after compinit.\n\nFor fish: put it in ~/.config/fish/completions/" + p.Name + ".fish.",
		Action: func(c *Context) error {
			args, err := Positionals(c, 1, 1)
			if err != nil {
				return err
			}
			print, ok := map[string]func(io.Writer, *urfave.App){"bash": bashScript, "zsh": zshScript, "fish": fishScript}[args[0]]
			if !ok {
				return Usagef("completion: %q is none of bash, zsh and fish", args[0])
			}
			print(os.Stdout, c.App)
			return nil
		},
	}
}

// function is a shell function's name for a program.
func function(app *urfave.App) string { return "_" + strings.ReplaceAll(app.Name, "-", "_") }

// words are a command's verbs and flags.
func words(commands []*Command, flags []Flag) string {
	var w []string
	for _, c := range commands {
		w = append(w, c.Name)
	}
	for _, f := range flags {
		for _, name := range f.Names() {
			w = append(w, dashed(name))
		}
	}
	return strings.Join(append(w, "-h", "--help"), " ")
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// verbCases writes a shell's "case" with the words of each verb.
func verbCases(w io.Writer, app *urfave.App) {
	fmt.Fprintf(w, "  case $verb in\n")
	for _, c := range app.Commands {
		args := ""
		if c.Name == "completion" {
			args = "bash zsh fish "
		}
		fmt.Fprintf(w, "    %s) words='%s%s' ;;\n", c.Name, args, words(c.Subcommands, c.Flags))
	}
	fmt.Fprintf(w, "    *) words='%s' ;;\n  esac\n", words(app.Commands, app.Flags))
}

func verbNames(app *urfave.App, separator string) string {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return strings.Join(names, separator)
}

func bashScript(w io.Writer, app *urfave.App) {
	fmt.Fprintf(w, "# bash completion for %s\n%s() {\n", app.Name, function(app))
	fmt.Fprintf(w, "  local cur=${COMP_WORDS[COMP_CWORD]} verb= words w\n")
	fmt.Fprintf(w, "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case $w in %s) verb=$w; break ;; esac\n  done\n", verbNames(app, "|"))
	verbCases(w, app)
	fmt.Fprintf(w, "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n")
	fmt.Fprintf(w, "  [[ $cur == -* ]] || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n}\n")
	fmt.Fprintf(w, "complete -o filenames -F %s %s\n", function(app), app.Name)
}

func zshScript(w io.Writer, app *urfave.App) {
	fmt.Fprintf(w, "#compdef %s\n%s() {\n  local verb= w\n", app.Name, function(app))
	fmt.Fprintf(w, "  for w in \"${(@)words[2,CURRENT-1]}\"; do\n    case $w in %s) verb=$w; break ;; esac\n  done\n", verbNames(app, "|"))
	verbCases(w, app)
	fmt.Fprintf(w, "  compadd -- ${=words}\n  _files\n}\n")
	fmt.Fprintf(w, "compdef %s %s\n", function(app), app.Name)
}

func fishScript(w io.Writer, app *urfave.App) {
	fmt.Fprintf(w, "# fish completion for %s\n", app.Name)
	none := "not __fish_seen_subcommand_from " + verbNames(app, " ")
	for _, c := range app.Commands {
		fmt.Fprintf(w, "complete -c %s -n '%s' -a %s -d %s\n", app.Name, none, c.Name, fishQuote(c.Usage))
	}
	fishFlags(w, app.Name, none, app.Flags)
	for _, c := range app.Commands {
		seen := "__fish_seen_subcommand_from " + c.Name
		for _, sub := range c.Subcommands {
			fmt.Fprintf(w, "complete -c %s -n '%s' -a %s -d %s\n", app.Name, seen, sub.Name, fishQuote(sub.Usage))
		}
		fishFlags(w, app.Name, seen, c.Flags)
	}
	fmt.Fprintf(w, "complete -c %s -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n", app.Name)
}

func fishFlags(w io.Writer, name, condition string, flags []Flag) {
	for _, f := range flags {
		doc := f.(urfave.DocGenerationFlag)
		fmt.Fprintf(w, "complete -c %s -n '%s'", name, condition)
		for _, n := range f.Names() {
			if len(n) == 1 {
				fmt.Fprintf(w, " -s %s", n)
			} else {
				fmt.Fprintf(w, " -l %s", n)
			}
		}
		if doc.TakesValue() {
			fmt.Fprint(w, " -r")
		}
		fmt.Fprintf(w, " -d %s\n", fishQuote(strings.ReplaceAll(doc.GetUsage(), "`", "")))
	}
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
