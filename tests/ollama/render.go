// Renders a template as Ollama does for a request that is not a chat: see Template.Execute in its template package.
// Reads {"template": ..., "prompt": ..., "suffix": ...} from standard input and writes the text.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"
	"text/template"
)

func main() {
	var request struct{ Template, Prompt, Suffix string }
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		log.Fatal(err)
	}
	text := request.Template
	if !strings.Contains(text, ".Response") {
		text += "{{ .Response }}"
	}
	parsed, err := template.New("").Parse(text)
	if err != nil {
		log.Fatal(err)
	}
	// Without a suffix there is no such key, which is not the same as an empty one.
	values := map[string]any{"System": "", "Prompt": request.Prompt, "Response": ""}
	if request.Prompt != "" && request.Suffix != "" {
		values = map[string]any{"Prompt": request.Prompt, "Suffix": request.Suffix, "Response": ""}
	}
	if err := parsed.Execute(os.Stdout, values); err != nil {
		log.Fatal(err)
	}
}
