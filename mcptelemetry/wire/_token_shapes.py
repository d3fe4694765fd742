"""
What the tokens of well-known vendors look like: one table for documents, events and feedback.

A row begins with a literal that every such token holds, so that a text without it is passed
over at the speed of memory; what follows is bounded, so that no text is read twice. Lengths
are the least that tells a token from a name, not the vendor's own: a token that was cut, or
that a vendor made longer, is one still.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["TOKEN_SHAPES", "TokenShape", "find_token_shape"]

_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_HEX = "[0-9a-fA-F]"
# A credential in a header has a digit or padding; "Basic authentication" has neither.
_MIXED = "(?=[A-Za-z._~+/-]{0,64}[0-9=])"


class TokenShape(NamedTuple):
    """
    One kind of token: what it is called, the literal it holds, an expression for what follows
    (or, looking back, for what stands before), and where the format is written down.
    """

    name: str
    literal: str
    rest: str
    source: str
    is_start: bool = True  # the literal begins a word: "task-..." is no "sk-..." key

    def compiled(self) -> re.Pattern[str]:
        """Return the expression; its look-behind stands after the literal, which is searched for first."""
        # When it is needed, which for most rows is never; the engine keeps what it compiled.
        literal = re.escape(self.literal)
        begins = f"(?<![A-Za-z0-9]{literal})" if self.is_start else ""
        return re.compile(f"{literal}{begins}{self.rest}")


TOKEN_SHAPES: tuple[TokenShape, ...] = (
    # -- source code and packages
    TokenShape("GitHub token", "gh", rf"[pousr]_{_W}{{16}}", "GitHub: about authentication, token prefixes"),
    TokenShape("GitHub fine-grained token", "github_pat_", rf"{_W}{{16}}", "GitHub: token prefixes"),
    TokenShape("GitLab token", "gl", rf"(?:pat|oas|ptt|rt|cbt|ft|imt|agent|soat|ffct)-{_W}{{16}}", "GitLab: token overview"),
    TokenShape("GitLab deploy token", "gldt-", rf"{_W}{{16}}", "GitLab: token overview"),
    TokenShape("Bitbucket app password", "ATBB", rf"{_A}{{24}}", "Atlassian: app passwords"),
    TokenShape("npm token", "npm_", rf"{_A}{{20}}", "npm: about access tokens"),
    TokenShape("PyPI token", "pypi-", rf"{_W}{{20}}", "PyPI: API tokens"),
    TokenShape("RubyGems key", "rubygems_", rf"{_HEX}{{32}}", "RubyGems: API keys"),
    TokenShape("NuGet key", "oy2", r"[a-z0-9]{43}(?![a-z0-9])", "NuGet: API keys"),
    TokenShape("Clojars token", "CLOJARS_", rf"{_A}{{40}}", "Clojars: deploy tokens"),
    TokenShape("Docker Hub token", "dckr_", rf"[po]at_{_W}{{20}}", "Docker: access tokens"),
    TokenShape("Artifactory key", "AKC", rf"{_A}{{40}}", "JFrog: API keys"),
    TokenShape("CircleCI token", "CCIPAT_", rf"{_W}{{30}}", "CircleCI: API tokens"),
    TokenShape("Buildkite token", "bkua_", rf"{_HEX}{{32}}", "Buildkite: API access tokens"),
    TokenShape("SonarQube token", "sq", rf"[upa]_{_HEX}{{40}}", "SonarQube: user tokens"),
    TokenShape("Sourcegraph token", "sgp_", rf"{_W}{{32}}", "Sourcegraph: access tokens"),
    # -- models
    TokenShape("OpenAI key", "sk-", rf"(?:(?:proj|svcacct|admin|None)-{_W}{{16}}|{_A}{{20}})", "OpenAI: API keys"),
    TokenShape("Anthropic key", "sk-ant-", rf"{_W}{{16}}", "Anthropic: API keys"),
    TokenShape("OpenRouter key", "sk-or-", rf"{_W}{{16}}", "OpenRouter: authentication"),
    TokenShape("Groq key", "gsk_", rf"{_A}{{32}}", "Groq: API keys"),
    TokenShape("xAI key", "xai-", rf"{_A}{{32}}", "xAI: API keys"),
    TokenShape("Perplexity key", "pplx-", rf"{_A}{{32}}", "Perplexity: API keys"),
    TokenShape("Replicate token", "r8_", rf"{_A}{{32}}", "Replicate: API tokens"),
    TokenShape("Hugging Face token", "hf_", rf"{_A}{{20}}", "Hugging Face: user access tokens"),
    TokenShape("Hugging Face organisation token", "api_org_", rf"{_A}{{20}}", "Hugging Face: organisation tokens"),
    TokenShape("LangSmith key", "lsv2_", rf"(?:pt|sk)_{_HEX}{{32}}", "LangSmith: API keys"),
    TokenShape("Pinecone key", "pcsk_", rf"{_W}{{32}}", "Pinecone: API keys"),
    TokenShape("Tavily key", "tvly-", rf"{_W}{{20}}", "Tavily: API keys"),
    # -- clouds
    TokenShape("Google API key", "AIza", rf"{_W}{{30}}", "Google Cloud: API keys"),
    TokenShape("Google OAuth secret", "GOCSPX-", rf"{_W}{{24}}", "Google: OAuth clients"),
    TokenShape("Google access token", "ya29.", rf"{_W}{{20}}", "Google: OAuth tokens"),
    TokenShape("AWS access key", "A", r"(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}", "AWS: unique identifiers of IAM"),
    TokenShape("AWS Bedrock key", "ABSK", r"[A-Za-z0-9+/]{40}", "AWS: Bedrock API keys"),
    TokenShape("Azure storage key", "AccountKey=", r"[A-Za-z0-9+/]{40}", "Azure: connection strings"),
    TokenShape("Azure shared access key", "SharedAccessKey=", r"[A-Za-z0-9+/]{40}", "Azure: connection strings"),
    TokenShape("Azure shared access signature", "sig=", r"(?:[A-Za-z0-9+/]|%[0-9A-Fa-f]{2}){40}", "Azure: service SAS"),
    TokenShape("Azure DevOps token", "AZDO", rf"(?<={_A}{{76}}AZDO){_A}{{4}}", "Azure DevOps: token format", is_start=False),
    TokenShape("Microsoft Entra secret", "Q~", r"(?<=[\w~.-]{3}[0-9]Q~)[\w~.-]{31}", "Entra: secrets", is_start=False),
    TokenShape("DigitalOcean token", "do", rf"[opr]_v1_{_HEX}{{32}}", "DigitalOcean: token prefixes"),
    TokenShape("Alibaba Cloud key", "LTAI", rf"{_A}{{16}}", "Alibaba Cloud: AccessKey pairs"),
    TokenShape("Heroku key", "HRKU-", rf"{_W}{{32}}", "Heroku: API key prefix"),
    TokenShape("Cloudflare origin key", "v1.0-", rf"{_HEX}{{24}}-{_HEX}{{64}}", "Cloudflare: Origin CA keys"),
    TokenShape("Cloudflare token", "cf", rf"(?:ut|at|k)_{_A}{{32}}", "Cloudflare: token formats"),
    TokenShape("Fly.io token", "FlyV1 ", r"f[mo][0-9]_[A-Za-z0-9+/=_-]{20}", "Fly.io: access tokens"),
    TokenShape("Fly.io macaroon", "fm2_", r"[A-Za-z0-9+/=_-]{32}", "Fly.io: access tokens"),
    TokenShape("Vercel token", "vc", rf"[piarck]_{_A}{{24}}", "Vercel: tokens"),
    TokenShape("Vercel Blob token", "vercel_blob_rw_", rf"{_W}{{20}}", "Vercel: Blob"),
    TokenShape("Netlify token", "nfp_", rf"{_A}{{32}}", "Netlify: personal access tokens"),
    TokenShape("Supabase token", "sb", rf"(?:p_{_HEX}{{32}}|_secret_{_W}{{20}})", "Supabase: API keys"),
    TokenShape("PlanetScale token", "pscale_", r"(?:tkn|pw|oauth)_[\w.=-]{32}", "PlanetScale: token prefixes"),
    TokenShape("Databricks token", "dapi", rf"{_HEX}{{32}}", "Databricks: personal access tokens"),
    TokenShape("Tailscale key", "tskey-", rf"[a-z]{{3,10}}-{_W}{{16}}", "Tailscale: keys"),
    # -- secrets and infrastructure
    TokenShape("Vault token", "hv", rf"[sbr]\.{_W}{{24}}", "Vault: token prefixes"),
    TokenShape("Terraform Cloud token", ".atlasv1.", rf"(?<={_A}{{14}}\.atlasv1\.){_W}{{40}}", "HCP: API tokens", is_start=False),
    TokenShape("Pulumi token", "pul-", rf"{_HEX}{{40}}", "Pulumi: access tokens"),
    TokenShape("Doppler token", "dp.", rf"(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{1,35}}\.)?{_A}{{32}}", "Doppler: token formats"),
    TokenShape("1Password token", "ops_", rf"eyJ{_W}{{20}}", "1Password: service accounts"),
    TokenShape("Prefect key", "pn", rf"[ub]_{_A}{{32}}", "Prefect: API keys"),
    TokenShape("age key", "AGE-SECRET-KEY-1", r"[0-9A-Z]{40}", "age: file format"),
    TokenShape("private key", "-BEGIN ", r"[A-Z0-9 ]{0,20}PRIVATE KEY", "RFC 7468; OpenSSH: PROTOCOL.key", is_start=False),
    TokenShape("PuTTY key", "PuTTY-User-Key-File-", r"[0-9]", "PuTTY: PPK file format"),
    TokenShape("SSH key", "ssh-", r"(?:rsa|dss|ed25519) AAAA[A-Za-z0-9+/]{20}", "RFC 4253, section 6.6"),
    # -- watching
    TokenShape("Datadog client token", "pub", r"[0-9a-f]{32}(?![0-9A-Za-z])", "Datadog: client tokens"),
    TokenShape("New Relic user key", "NRAK-", r"[A-Z0-9]{20}", "New Relic: API keys"),
    TokenShape("New Relic licence key", "NRAL", rf"(?<={_HEX}{{32}}NRAL)", "New Relic: API keys", is_start=False),
    TokenShape("New Relic browser key", "NRJS-", rf"{_HEX}{{16}}", "New Relic: API keys"),
    TokenShape("Sentry DSN", "://", rf"{_HEX}{{32}}(?::{_HEX}{{32}})?@[a-z0-9.-]{{1,128}}/[0-9]", "Sentry: DSN", is_start=False),
    TokenShape("Sentry token", "sntry", r"[su]_[A-Za-z0-9+/=_-]{32}", "Sentry: auth tokens"),
    TokenShape("Grafana token", "gl", rf"(?:sa_{_A}{{32}}|c_[A-Za-z0-9+/=]{{32}})", "Grafana: service accounts"),
    TokenShape("PagerDuty key", "u+", rf"{_W}{{18}}(?!{_W})", "PagerDuty: API access keys"),
    TokenShape("PagerDuty OAuth token", "pd", rf"us\+_[A-Z0-9]{{8}}_{_W}{{16}}", "PagerDuty: scoped OAuth"),
    TokenShape("Dynatrace token", "dt0", r"[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{32}", "Dynatrace: token format"),
    # -- people and their work
    TokenShape("Slack token", "xox", r"[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10}", "Slack: token types"),
    TokenShape("Slack app-level token", "xapp-", r"[A-Za-z0-9-]{16}", "Slack: token types"),
    TokenShape("Slack webhook", "hooks.slack.com/", r"(?:services|workflows|triggers)/T", "Slack: incoming webhooks"),
    TokenShape("Discord bot token", ".", rf"(?:(?<=[MNO]{_W}{{23}}\.)|(?<=[MNO]{_W}{{25}}\.)){_W}{{6}}\.{_W}{{27}}", "Discord: reference", is_start=False),
    TokenShape("Discord webhook", "/api/webhooks/", rf"[0-9]{{17,20}}/{_W}{{32}}", "Discord: webhooks", is_start=False),
    TokenShape("Telegram bot token", ":AA", rf"(?<=[0-9]{{8}}:AA){_W}{{30}}", "Telegram: bots", is_start=False),
    TokenShape("Linear key", "lin_", rf"(?:api|oauth|wh)_{_A}{{32}}", "Linear: API"),
    TokenShape("Notion token", "ntn_", rf"{_A}{{32}}", "Notion: authorization"),
    TokenShape("Notion internal secret", "secret_", rf"{_A}{{43}}", "Notion: authorization"),
    TokenShape("Figma token", "fig", rf"[dorup]{{1,2}}_{_W}{{32}}", "Figma: access tokens"),
    TokenShape("Atlassian token", "AT", rf"[AC]TT3xFfG{_W}{{16}}", "Atlassian: API tokens"),
    TokenShape("Postman key", "PMAK-", rf"{_HEX}{{24}}-{_HEX}{{24}}", "Postman: API keys"),
    TokenShape("Airtable token", "pat", rf"{_A}{{14}}\.{_HEX}{{32}}", "Airtable: personal access tokens"),
    TokenShape("Contentful token", "CFPAT-", rf"{_W}{{32}}", "Contentful: personal access tokens"),
    TokenShape("HubSpot token", "pat-", rf"[a-z]{{2,3}}[0-9]-{_HEX}{{8}}-{_HEX}{{4}}-", "HubSpot: private apps"),
    TokenShape("Okta token", "00", rf"{_W}{{40}}(?!{_W})", "Okta: create an API token"),
    # -- mail, telephone, money
    TokenShape("Twilio key", "SK", rf"{_HEX}{{32}}", "Twilio: API keys"),
    TokenShape("Twilio account", "AC", r"[0-9a-f]{32}", "Twilio: what is a SID"),
    TokenShape("SendGrid key", "SG.", rf"{_W}{{16,24}}\.{_W}{{32}}", "SendGrid: API keys"),
    TokenShape("Mailgun key", "key-", r"[0-9a-zA-Z]{32}", "Mailgun: API keys"),
    TokenShape("Mailchimp key", "-us", rf"(?<={_HEX}{{32}}-us)[0-9]{{1,2}}", "Mailchimp: API keys", is_start=False),
    TokenShape("Brevo key", "xkeysib-", rf"{_HEX}{{32}}", "Brevo: API keys"),
    TokenShape("Stripe key", "k", r"(?<=[srp]k)(?<![A-Za-z0-9][srp]k)_(?:live|test)_[A-Za-z0-9]{10}", "Stripe: API keys", is_start=False),
    TokenShape("Stripe webhook secret", "whsec_", r"[A-Za-z0-9+/]{24}", "Stripe: webhooks"),
    TokenShape("Square token", "sq0", rf"[a-z]{{3}}-{_W}{{20}}", "Square: access tokens"),
    TokenShape("Square access token", "EAAA", rf"{_W}{{56}}", "Square: access tokens"),
    TokenShape("Shopify token", "shp", rf"(?:at|ss|ca|pa|ua|tka)_{_HEX}{{24}}", "Shopify: token prefixes"),
    TokenShape("Shippo token", "shippo_", rf"(?:live|test)_{_HEX}{{32}}", "Shippo: authentication"),
    TokenShape("Razorpay key", "rzp_", rf"(?:live|test)_{_A}{{14}}", "Razorpay: API keys"),
    # -- any vendor's
    TokenShape("secret key", "k", rf"(?<=[sr]k)(?<!{_A}[sr]k)[-_](?:(?:proj|svcacct|admin|ant|or|live|test)[-_]{_W}{{16}}|{_A}{{20}})", "a habit of vendors", is_start=False),
    TokenShape("JSON web token", "eyJ", rf"{_W}{{12}}", "RFC 7519"),
    TokenShape("connection string with a password", "://", r"[^\s/:@\0]{0,64}:(?![0-9]{1,5}/)[^\s@\0]{1,192}@", "RFC 3986, section 3.2.1", is_start=False),
    TokenShape("basic authentication", "asic ", rf"(?<=[Bb]asic ){_MIXED}[A-Za-z0-9+/]{{12}}", "RFC 7617", is_start=False),
    TokenShape("bearer token", "earer ", rf"(?<=[Bb]earer ){_MIXED}[A-Za-z0-9._~+/-]{{16}}", "RFC 6750", is_start=False),
)
"""The table; a token that fits several rows is called after the first."""


def find_token_shape(text: str) -> str | None:
    """Return what kind of well-known token stands in *text*, None when there is none."""
    return next(
        (shape.name for shape in TOKEN_SHAPES if shape.literal in text and shape.compiled().search(text)), None
    )
