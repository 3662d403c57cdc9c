"use strict";
const pane = document.getElementById("chat");
const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/chat/" + pane.dataset.id);
const show = (from, text) => {
  const row = document.createElement("div");
  row.className = "turn";
  row.append(Object.assign(document.createElement("b"), {textContent: from}), Object.assign(document.createElement("span"), {textContent: text}));
  pane.append(row);
};
socket.onmessage = e => { const line = JSON.parse(e.data); show(line.from, line.text); };
socket.onclose = () => show("–", "The chat has ended.");
document.getElementById("say").onsubmit = e => {
  e.preventDefault();
  const text = e.target.text.value;
  if (!text || socket.readyState !== 1) return;
  socket.send(JSON.stringify({from: "agent", text}));
  show("agent", text);
  e.target.reset();
};
