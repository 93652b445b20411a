// SPDX-License-Identifier: Apache-2.0

// Reads what people deploy with, as the programs do that it is written for: a compose file by Docker Compose's own loader, Prometheus
// rules by Prometheus' loader, PromQL by its parser. Prints the compose project as JSON; ends with 1 and a sentence for what is wrong.
//
//	deploy compose FILE
//	deploy rules FILE
//	deploy promql < one expression a line
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func compose(file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

func rules(file string) error {
	_, errs := rulefmt.ParseFile(file, false)
	for _, err := range errs {
		fmt.Fprintln(os.Stderr, err)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%s: %d errors", file, len(errs))
	}
	return nil
}

func promql() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := parser.ParseExpr(lines.Text()); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "compose":
		err = compose(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "rules":
		err = rules(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "promql":
		err = promql()
	default:
		err = fmt.Errorf("usage: deploy compose FILE | rules FILE | promql")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
