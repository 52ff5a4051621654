# Varnish as it comes. Names in double braces are filled in.
vcl 4.1;
backend default {
  .host = "127.0.0.1";
  .port = "{{app}}";
}
