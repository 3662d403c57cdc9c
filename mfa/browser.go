package mfa

import "strings"

// deviceOf names the kind of device that a User-Agent claims to be, "Firefox,
// Windows", or "" where it says nothing known. It is for people to recognise
// their own by, and proves nothing.
func deviceOf(userAgent string) string {
	browser := firstOf(userAgent, [][2]string{ // who pretends to be others stands before them
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Opera", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"HeadlessChrome", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium", "Chromium"}, {"Safari/", "Safari"},
		{"curl/", "curl"}, {"Wget/", "Wget"}, {"python", "Python"}, {"Python", "Python"}, {"Go-http-client", "Go"}, {"okhttp", "okhttp"}, {"Java/", "Java"}, {"PostmanRuntime", "Postman"},
	})
	system := firstOf(userAgent, [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	})
	if browser != "" && system != "" {
		return browser + ", " + system
	}
	return browser + system
}

func firstOf(text string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(text, n[0]) {
			return n[1]
		}
	}
	return ""
}
