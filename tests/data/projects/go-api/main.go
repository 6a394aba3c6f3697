// The API asks another service over HTTPS and fills a template.
package main

import (
	"html/template"
	"log"
	"net/http"
	"os"
)

func main() {
	page := template.Must(template.ParseFiles("templates/page.html"))
	upstream := os.Getenv("UPSTREAM")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		status := "no upstream"
		if upstream != "" {
			if answer, err := http.Get(upstream); err == nil {
				status = answer.Status
				answer.Body.Close()
			}
		}
		if err := page.Execute(w, status); err != nil {
			log.Print(err)
		}
	})
	log.Print("listening on :8080")
	log.Fatal(http.ListenAndServe(":8080", nil))
}
